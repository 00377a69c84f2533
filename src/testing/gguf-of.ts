import { BYTE_LETTERS } from '../text/parts/fault.ts';
import { VALUE_TYPES, type ValueType } from '../weights/gguf/values.ts';

type Item = number | bigint | boolean | string;

/** A value of a file's metadata: its type and itself; a list with the type of its items. */
export type TestValue = readonly [ValueType | number, Item] | readonly ['array', ValueType | number, readonly Item[]];

/** A tensor: F32 by default, row-major. */
export interface TestTensor {
  name: string;
  shape: readonly number[];
  values: readonly number[] | Float32Array;
  /** The false claims of its info. */
  claims?: { type?: number; dimensions?: readonly (number | bigint)[]; begin?: number | bigint };
}

export interface TestGguf {
  metadata?: Readonly<Record<string, TestValue>>;
  /** Further values, after those of `metadata`: for names that appear twice. */
  more?: readonly (readonly [string, TestValue])[];
  tensors?: readonly TestTensor[];
  magic?: string;
  version?: number;
  /** Where tensors begin; the metadata must say so too, unless it is 32. */
  alignment?: number;
  claims?: { tensors?: number | bigint; values?: number | bigint };
}

/** Writes little-endian values. */
class Bytes {
  readonly #parts: number[] = [];
  readonly #view = new DataView(new ArrayBuffer(8));

  get length(): number {
    return this.#parts.length;
  }

  #take(bytes: number): void {
    for (let i = 0; i < bytes; i++) this.#parts.push(this.#view.getUint8(i));
  }

  u32(value: number): void {
    this.#view.setUint32(0, value, true);
    this.#take(4);
  }

  u64(value: number | bigint): void {
    this.#view.setBigUint64(0, BigInt(value), true);
    this.#take(8);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    for (const byte of bytes) this.#parts.push(byte);
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.#parts.push(byte);
  }

  padTo(multiple: number): void {
    while (this.#parts.length % multiple !== 0) this.#parts.push(0);
  }

  item(type: ValueType, value: Item): void {
    if (type === 'string') return this.text(String(value));
    const view = this.#view;
    if (type === 'float32') view.setFloat32(0, Number(value), true);
    else if (type === 'float64') view.setFloat64(0, Number(value), true);
    else view.setBigInt64(0, BigInt(value), true); // the low bytes of whole numbers, whatever their size
    this.#take(/64$/.test(type) ? 8 : /32$/.test(type) ? 4 : /16$/.test(type) ? 2 : 1);
  }

  done(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#parts);
  }
}

const typeId = (type: ValueType | number): number => (typeof type === 'number' ? type : VALUE_TYPES.indexOf(type));

/** A GGUF file for tests. It can claim what is not so. */
export function ggufOf({
  metadata = {},
  more = [],
  tensors = [],
  magic = 'GGUF',
  version = 3,
  alignment = 32,
  claims = {},
}: TestGguf): Uint8Array<ArrayBuffer> {
  const out = new Bytes();
  out.raw(new TextEncoder().encode(magic));
  out.u32(version);
  const values = [...Object.entries(metadata), ...more];
  out.u64(claims.tensors ?? tensors.length);
  out.u64(claims.values ?? values.length);
  for (const [key, [type, ...rest]] of values) {
    out.text(key);
    out.u32(typeId(type));
    if (rest.length === 1) out.item(typeof type === 'number' ? 'uint8' : type, rest[0]);
    else {
      const [of, items] = rest as [ValueType | number, readonly Item[]];
      out.u32(typeId(of));
      out.u64(items.length);
      for (const item of items) out.item(typeof of === 'number' ? 'uint8' : of, item);
    }
  }
  let at = 0;
  for (const { name, shape, values, claims } of tensors) {
    const dimensions = claims?.dimensions ?? [...shape].reverse();
    out.text(name);
    out.u32(dimensions.length);
    for (const size of dimensions) out.u64(size);
    out.u32(claims?.type ?? 0);
    out.u64(claims?.begin ?? at);
    at = Math.ceil((at + 4 * values.length) / alignment) * alignment;
  }
  out.padTo(alignment);
  for (const { values } of tensors) {
    out.raw(new Uint8Array(Float32Array.from(values).buffer));
    out.padTo(alignment);
  }
  return out.done();
}

/** Numbers that look random and are the same in every test. */
const spread = (count: number, size: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => size * (((i * 7919 + 13) % 1009) / 504.5 - 1));

/** A LLaMA of one layer whose tokens are bytes, and two special ones. */
export function tinyLlamaGguf(
  change: (file: Required<Pick<TestGguf, 'metadata' | 'tensors'>>) => TestGguf = (file) => file,
): Uint8Array<ArrayBuffer> {
  const [width, inner, heads, keyHeads] = [16, 24, 2, 1];
  const tokens = ['<|endoftext|>', '<|im_end|>', ...BYTE_LETTERS];
  const metadata: Record<string, TestValue> = {
    'general.architecture': ['string', 'llama'],
    'general.name': ['string', 'tiny'],
    'llama.block_count': ['uint32', 1],
    'llama.context_length': ['uint32', 512],
    'llama.embedding_length': ['uint32', width],
    'llama.feed_forward_length': ['uint32', inner],
    'llama.attention.head_count': ['uint32', heads],
    'llama.attention.head_count_kv': ['uint32', keyHeads],
    'llama.attention.layer_norm_rms_epsilon': ['float32', 1e-5],
    'llama.rope.freq_base': ['float32', 10_000],
    'llama.rope.dimension_count': ['uint32', width / heads],
    'tokenizer.ggml.model': ['string', 'gpt2'],
    'tokenizer.ggml.pre': ['string', 'smollm'],
    'tokenizer.ggml.tokens': ['array', 'string', tokens],
    'tokenizer.ggml.token_type': ['array', 'int32', tokens.map((_, i) => (i < 2 ? 3 : 1))],
    'tokenizer.ggml.merges': ['array', 'string', []],
    'tokenizer.ggml.eos_token_id': ['uint32', 1],
    'tokenizer.ggml.padding_token_id': ['uint32', 0],
  };
  const matrix = (name: string, rows: number, columns: number): TestTensor => ({
    name: `${name}.weight`,
    shape: [rows, columns],
    values: spread(rows * columns, 1 / Math.sqrt(columns)),
  });
  const norm = (name: string): TestTensor => ({
    name: `${name}.weight`,
    shape: [width],
    values: new Array<number>(width).fill(1),
  });
  const key = (width / heads) * keyHeads;
  const tensors = [
    matrix('token_embd', tokens.length, width),
    norm('output_norm'),
    norm('blk.0.attn_norm'),
    matrix('blk.0.attn_q', width, width),
    matrix('blk.0.attn_k', key, width),
    matrix('blk.0.attn_v', key, width),
    matrix('blk.0.attn_output', width, width),
    norm('blk.0.ffn_norm'),
    matrix('blk.0.ffn_gate', inner, width),
    matrix('blk.0.ffn_up', inner, width),
    matrix('blk.0.ffn_down', width, inner),
  ];
  return ggufOf(change({ metadata, tensors }));
}
