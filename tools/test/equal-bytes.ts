import { expect } from 'vitest';

/** The bytes of a typed array; undefined for anything else. */
const bytesOf = (value: unknown): Buffer | undefined =>
  ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined;

/**
 * Lets `toEqual` compare typed arrays by their bytes, since its own way takes microseconds for each number. It has the
 * last word where bytes differ.
 */
expect.addEqualityTesters([
  (a, b) => {
    const [one, other] = [bytesOf(a), bytesOf(b)];
    if (one === undefined || other === undefined) return undefined;
    return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && one.equals(other) ? true : undefined;
  },
]);
