import { describe, expect, it } from 'vitest';
import { DTYPE_BITS, floatData, isDtype, tensorBytes, tensorData } from './dtypes.ts';

const bytesOf = (array: ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength); // Not shared memory in this file.

describe('isDtype', () => {
  it('accepts the format’s names, not those that objects inherit', () => {
    expect(Object.keys(DTYPE_BITS).every(isDtype)).toBe(true);
    expect([undefined, 32, 'f32', 'F128', 'toString', '__proto__'].some(isDtype)).toBe(false);
  });
});

describe('tensorBytes', () => {
  it('multiplies sizes, from scalars to empty tensors', () => {
    expect(tensorBytes('F32', [])).toBe(4);
    expect(tensorBytes('BF16', [3, 5])).toBe(30);
    expect(tensorBytes('I64', [7, 0, 2])).toBe(0);
  });

  it('refuses elements that do not fill whole bytes, and sizes beyond a double', () => {
    expect(tensorBytes('F4', [3])).toBeNull();
    expect(tensorBytes('F4', [4])).toBe(2);
    expect(tensorBytes('F6_E2M3', [4])).toBe(3);
    expect(tensorBytes('U8', [2 ** 30, 2 ** 30])).toBeNull();
    expect(tensorBytes('U8', [2 ** 52, 2 ** 52, 0])).toBeNull();
  });
});

describe('tensorData', () => {
  it.each([
    ['F32', Float32Array.of(1.5, -2)],
    ['F64', Float64Array.of(0.1, 1e300)],
    ['I8', Int8Array.of(-128, 127)],
    ['I16', Int16Array.of(-32768, 3)],
    ['U16', Uint16Array.of(65535, 3)],
    ['I32', Int32Array.of(-100, 2 ** 31 - 1)],
    ['U32', Uint32Array.of(2 ** 32 - 1, 0)],
    ['I64', BigInt64Array.of(-(2n ** 63n), 5n)],
    ['U64', BigUint64Array.of(2n ** 64n - 1n, 5n)],
    ['U8', Uint8Array.of(0, 255)],
    ['BOOL', Uint8Array.of(0, 1)],
  ] as const)('reads %s at any alignment', (dtype, array) => {
    const shifted = new Uint8Array(array.byteLength + 3);
    shifted.set(bytesOf(array), 3);
    for (const bytes of [bytesOf(array), shifted.subarray(3)]) {
      expect(tensorData(dtype, bytes)).toEqual({ dtype, data: array });
    }
  });

  it('reads the 16-bit floats as float32', () => {
    expect(tensorData('F16', bytesOf(Uint16Array.of(0x3c00)))).toEqual({ dtype: 'F16', data: Float32Array.of(1) });
    expect(tensorData('BF16', bytesOf(Uint16Array.of(0x3f80)))).toEqual({ dtype: 'BF16', data: Float32Array.of(1) });
  });
});

describe('floatData', () => {
  it('converts every float type to float32', () => {
    expect(floatData('w', 'F32', bytesOf(Float32Array.of(0.25)))).toEqual(Float32Array.of(0.25));
    expect(floatData('w', 'F16', bytesOf(Uint16Array.of(0x3400)))).toEqual(Float32Array.of(0.25));
    expect(floatData('w', 'BF16', bytesOf(Uint16Array.of(0x3e80)))).toEqual(Float32Array.of(0.25));
    expect(floatData('w', 'F64', bytesOf(Float64Array.of(0.1)))).toEqual(Float32Array.of(0.1));
  });

  it.each([
    ['F32', Float32Array.of(1, NaN)],
    ['F16', Uint16Array.of(0x3400, 0x7c00)],
    ['BF16', Uint16Array.of(0xff80)],
    ['F64', Float64Array.of(1e300)], // infinite as float32
  ] as const)('refuses %s that is not finite, naming the tensor', (dtype, data) => {
    expect(() => floatData('h.0.w', dtype, bytesOf(data))).toThrowError(
      expect.objectContaining({ code: 'weights/not-finite', message: expect.stringContaining('h.0.w') as string }),
    );
  });

  it.each(['I8', 'U8', 'F8_E4M3', 'F4', 'I64'] as const)('refuses %s, naming it', (dtype) => {
    expect(() => floatData('h.0.w', dtype, new Uint8Array(8))).toThrowError(
      expect.objectContaining({
        code: 'weights/unsupported-dtype',
        message: expect.stringContaining('h.0.w') as string,
      }),
    );
  });
});
