import { GorpError } from '../base/errors.ts';

/** Larger than in any published model: vocabularies end below 300,000 tokens, depths below 200 layers. */
const MAX_DIMENSION = 2 ** 22;
const MAX_LAYERS = 1024;

/** Reads fields of a Hugging Face config.json. Errors name the field that is missing or unsupported. */
export class ConfigReader {
  readonly #fields: Record<string, unknown>;
  readonly #family: string;
  /** Prefix of field names, if the fields are in an object inside the file. */
  readonly #prefix: string;
  readonly #file: string;

  constructor(fields: Record<string, unknown>, family: string, prefix = '', file = 'config.json') {
    this.#fields = fields;
    this.#family = family;
    this.#prefix = prefix;
    this.#file = file;
  }

  /** @throws GorpError `model/bad-config` */
  static from(config: unknown, family: string, file = 'config.json'): ConfigReader {
    if (!isRecord(config)) {
      throw new GorpError('model/bad-config', `${file} is not a JSON object.`, 'Choose a Hugging Face model folder.');
    }
    return new ConfigReader(config, family, '', file);
  }

  /** Every field, unchecked. */
  get all(): Readonly<Record<string, unknown>> {
    return this.#fields;
  }

  /** A positive integer, plausible as a dimension of a published model: larger ones would only exhaust memory. */
  size(name: string, fallback?: number, max = MAX_DIMENSION): number {
    const value = this.#fields[name] ?? fallback;
    if (!isWhole(value) || value < 1) throw this.refuse(name, 'a positive whole number');
    if (value > max) throw this.refuse(name, `at most ${max}`);
    return value;
  }

  /** A number of layers, limited because all names and shapes are created before any weight is read. */
  layers(name: string, fallback?: number): number {
    return this.size(name, fallback, MAX_LAYERS);
  }

  /** A whole number, including 0. */
  count(name: string, fallback: number): number {
    const value = this.#fields[name] ?? fallback;
    if (!isWhole(value) || value < 0) throw this.refuse(name, 'a whole number');
    return value;
  }

  /** A list with one of the supported values for each of `count` layers; undefined if missing or null. */
  list<T>(name: string, count: number, allowed: readonly T[]): T[] | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined) return undefined;
    const known = Array.isArray(value) ? value.filter((one: unknown): one is T => allowed.some((a) => a === one)) : [];
    if (known.length !== count || !Array.isArray(value) || value.length !== count) {
      throw this.refuse(name, `${allowed.join(' or ')} for each of ${count} layers`);
    }
    return known;
  }

  /** A positive number, such as an epsilon. */
  positive(name: string, fallback?: number): number {
    const value = this.#fields[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      throw this.refuse(name, 'a positive number');
    }
    return value;
  }

  /** A list of positive numbers. */
  positives(name: string): number[] {
    const value = this.#fields[name];
    const known = Array.isArray(value) ? value.filter((one: unknown) => Number.isFinite(one) && Number(one) > 0) : [];
    if (!Array.isArray(value) || known.length === 0 || known.length < value.length) {
      throw this.refuse(name, 'a list of positive numbers');
    }
    return known.map(Number);
  }

  /** The id of a token. */
  token(name: string, vocabSize: number, fallback?: number): number {
    const value = this.#fields[name] ?? fallback;
    if (!isWhole(value) || value < 0 || value >= vocabSize) throw this.refuse(name, `a token id below ${vocabSize}`);
    return value;
  }

  /** The id of an optional token: undefined if the field is missing, null or −1. */
  tokenOrNone(name: string, vocabSize: number): number | undefined {
    return this.has(name) && this.#fields[name] !== -1 ? this.token(name, vocabSize) : undefined;
  }

  /** The ids of one or several tokens. */
  tokens(name: string, vocabSize: number, fallback?: number): number[] {
    const value = this.#fields[name] ?? fallback;
    const ids: unknown[] = Array.isArray(value) ? value : [value];
    const known = ids.filter((id): id is number => isWhole(id) && id >= 0 && id < vocabSize);
    if (known.length === 0 || known.length < ids.length)
      throw this.refuse(name, `a token id, or several, below ${vocabSize}`);
    return known;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#fields[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.refuse(name, 'true or false');
    return value;
  }

  /** One of the supported values. */
  choice<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const value = this.#fields[name] ?? fallback;
    const found = allowed.find((option) => option === value);
    if (found === undefined) throw this.refuse(name, `one of ${allowed.join(', ')}`);
    return found;
  }

  /** The fields of an object inside the file; undefined if missing or null. */
  part(name: string): ConfigReader | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw this.refuse(name, 'an object');
    return new ConfigReader(value, this.#family, `${this.#prefix}${name}.`, this.#file);
  }

  /** Whether the field is null, which for some fields differs from missing. */
  isNull(name: string): boolean {
    return this.#fields[name] === null;
  }

  has(name: string): boolean {
    return (this.#fields[name] ?? null) !== null;
  }

  /**
   * Refuses fields that change the computation in unsupported ways. Missing or null is always fine.
   *
   * @param neutral by field name, the values that do not change the computation.
   */
  refuseUnlessNeutral(neutral: Readonly<Record<string, readonly unknown[]>>): void {
    for (const [name, values] of Object.entries(neutral)) {
      if (!this.has(name) || values.includes(this.#fields[name])) continue;
      const shown = values.map((value) => JSON.stringify(value));
      throw this.refuse(name, ['absent', ...shown].join(' or '));
    }
  }

  /** Refuses a checkpoint with quantised weights. @throws GorpError `model/quantised-checkpoint`. */
  refuseQuantised(): void {
    const quantisation = this.part('quantization_config') ?? this.part('compression_config');
    if (quantisation === undefined) return;
    const { quant_method: method = 'an unknown method' } = quantisation.#fields;
    throw quantisedCheckpoint(`The weights of this ${this.#family} model are stored quantised (${String(method)}).`);
  }

  /** Refuses a checkpoint whose `architectures`, if given, cannot generate answers. */
  architecture(allowed: readonly string[]): void {
    const names = this.#fields['architectures'] ?? [];
    if (Array.isArray(names) && names.every((name: unknown) => allowed.some((known) => known === name))) return;
    throw this.refuse('architectures', allowed.join(' or '));
  }

  /**
   * The error for a value that cannot be used.
   *
   * @param wanted what it must be, in words.
   */
  refuse(name: string, wanted: string): GorpError {
    const value = this.#fields[name];
    const field = `${this.#prefix}${name}`;
    const found = value === undefined ? `lacks ${field}` : `has ${field} = ${JSON.stringify(value)}`;
    return new GorpError(
      'model/bad-config',
      `${this.#file} of this ${this.#family} model ${found}, which must be ${wanted}.`,
      `Choose another model, or correct its ${this.#file} if it was edited.`,
    );
  }
}

/** The error for a checkpoint whose weights are stored in a quantised form. */
export const quantisedCheckpoint = (message: string): GorpError =>
  new GorpError(
    'model/quantised-checkpoint',
    message,
    'Choose the same model with 16-bit or 32-bit weights, which its card names as the base model; to save memory, set frozen weights to 8-bit or 4-bit here.',
  );

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isWhole = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);
