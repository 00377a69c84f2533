import { GorpError } from '../../base/errors.ts';

/** The types of values in a GGUF file's metadata, by their numbers in the format (`gguf_type`). */
export const VALUE_TYPES = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

export type ValueType = (typeof VALUE_TYPES)[number];
export type NumberType = Exclude<ValueType, 'bool' | 'string' | 'array'>;

/** Numbers of each type in memory, little-endian as in a file. */
export const ARRAYS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float64: Float64Array,
} as const satisfies Record<NumberType, unknown>;

/** @returns bytes up to the next multiple of the alignment. */
export const padded = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;

/** The items of an array: whole numbers of 64 bits are BigInts. */
export type GgufArray =
  | { readonly type: 'array'; readonly of: NumberType; readonly items: ArrayLike<number | bigint> }
  | { readonly type: 'array'; readonly of: 'bool'; readonly items: readonly boolean[] }
  | { readonly type: 'array'; readonly of: 'string'; readonly items: readonly string[] };

/** A value as the file states it. */
export type GgufValue =
  | { readonly type: NumberType; readonly value: number | bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | GgufArray;

/** The next step for any file whose header cannot be right. */
export const DOWNLOAD_AGAIN = 'Download the file again; if it is the same, take another file of this model.';

/** The error for metadata that cannot be used. @param problem follows the name of the key: "is an array". */
export const badValue = (key: string, problem: string, nextStep = DOWNLOAD_AGAIN): GorpError =>
  new GorpError('weights/gguf-metadata', `The metadata of this GGUF file cannot be used: ${key} ${problem}.`, nextStep);

/** The metadata of a GGUF file by key. All readers throw GorpError `weights/gguf-metadata` for a value of another type. */
export class GgufMetadata {
  readonly values: ReadonlyMap<string, GgufValue>;

  constructor(values: ReadonlyMap<string, GgufValue>) {
    this.values = values;
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  text(key: string): string | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    if (found.type !== 'string') throw badValue(key, `is of type ${found.type}, not a string`);
    return found.value;
  }

  flag(key: string): boolean | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    if (found.type !== 'bool') throw badValue(key, `is of type ${found.type}, not true or false`);
    return found.value;
  }

  /** A finite number. A 32-bit one is returned as the shortest decimal that rounds to it: 1e-5, not 9.99999974e-6. */
  number(key: string): number | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    if (found.type === 'bool' || found.type === 'string' || found.type === 'array') {
      throw badValue(key, `is of type ${found.type}, not a number`);
    }
    const value = Number(found.value);
    if (!Number.isFinite(value) || (typeof found.value === 'bigint' && !Number.isSafeInteger(value))) {
      throw badValue(key, `is ${found.value}, which is out of range`);
    }
    return found.type === 'float32' ? shortest(value) : value;
  }

  /** A whole number from 0. */
  whole(key: string): number | undefined {
    const value = this.number(key);
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      throw badValue(key, `is ${value}, not a whole number`);
    }
    return value;
  }

  texts(key: string): readonly string[] | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    if (found.type !== 'array' || found.of !== 'string') throw badValue(key, 'is not a list of strings');
    return found.items;
  }

  numbers(key: string): ArrayLike<number> | undefined {
    const found = this.values.get(key);
    if (found === undefined) return undefined;
    if (found.type !== 'array' || found.of === 'string' || found.of === 'bool') {
      throw badValue(key, 'is not a list of numbers');
    }
    const { items } = found;
    return items instanceof BigInt64Array || items instanceof BigUint64Array
      ? Float64Array.from(items, Number)
      : (items as ArrayLike<number>);
  }
}

/** The decimal of fewest digits that rounds to the same 32-bit float. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return value;
}
