import { badValue, type GgufMetadata } from './values.ts';

const ANOTHER = 'Take another model: this field would change its answers, and it is not supported.';

/** The metadata of one architecture: `llama.block_count` is read as `block_count`. Fields that nobody reads are refused. */
export class ArchitectureFields {
  readonly #metadata: GgufMetadata;
  readonly #prefix: string;
  readonly #read = new Set<string>();

  constructor(metadata: GgufMetadata, architecture: string) {
    this.#metadata = metadata;
    this.#prefix = `${architecture}.`;
  }

  #key(name: string): string {
    const key = this.#prefix + name;
    this.#read.add(key);
    return key;
  }

  has(name: string): boolean {
    return this.#metadata.has(this.#prefix + name);
  }

  text(name: string): string | undefined {
    return this.#metadata.text(this.#key(name));
  }

  number(name: string): number | undefined {
    return this.#metadata.number(this.#key(name));
  }

  /** A whole number; a list with one value for each layer counts as that value if all are equal. */
  whole(name: string): number | undefined {
    const key = this.#key(name);
    if (this.#metadata.values.get(key)?.type !== 'array') return this.#metadata.whole(key);
    const list = Array.from(this.#metadata.numbers(key) ?? []);
    if (list.length === 0 || list.some((value) => value !== list[0])) {
      throw badValue(key, 'differs between layers, which is not supported', ANOTHER);
    }
    return list[0];
  }

  /** A whole number that must be there. */
  size(name: string): number {
    return this.whole(name) ?? this.#missing(name);
  }

  positive(name: string): number {
    return this.number(name) ?? this.#missing(name);
  }

  #missing(name: string): never {
    throw badValue(this.#prefix + name, 'is missing');
  }

  /** Fields that do not change the answers. */
  ignore(names: readonly string[]): void {
    for (const name of names) this.#key(name);
  }

  /** The error for a value that is not supported. @param wanted in words: "64, the size of a head". */
  refuse(name: string, wanted: string): never {
    const found = this.#metadata.values.get(this.#prefix + name);
    const value = found === undefined || found.type === 'array' ? 'a list' : String(found.value);
    throw badValue(this.#prefix + name, `is ${value.slice(0, 100)}; only ${wanted} is supported`, ANOTHER);
  }

  /** A field that must be absent or have a neutral value. */
  neutral(name: string, ...allowed: readonly (number | string | boolean)[]): void {
    const found = this.#metadata.values.get(this.#key(name));
    if (found === undefined) return;
    const value = found.type === 'array' ? null : typeof found.value === 'bigint' ? Number(found.value) : found.value;
    if (value === null || !allowed.includes(value)) this.refuse(name, allowed.join(' or '));
  }

  /** @throws GorpError for a field of the architecture that was neither read nor ignored. */
  refuseOthers(): void {
    for (const key of this.#metadata.values.keys()) {
      if (key.startsWith(this.#prefix) && !this.#read.has(key)) {
        throw badValue(key, 'is a field that is not understood', ANOTHER);
      }
    }
  }
}
