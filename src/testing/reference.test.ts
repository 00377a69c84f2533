import { describe, expect, it } from 'vitest';
import { relativeError } from './compare.ts';
import { goldenReal } from './golden.ts';
import { committedReference, referenceFolders, referencesWith } from './reference.ts';

describe('ReferenceFolder', () => {
  const batch = committedReference.tensors('golden/llama-tiny/batch.safetensors');

  it('reads every tensor with the number of values in its shape, reals and integers separately', () => {
    for (const { shape, data } of batch.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
    expect(batch.get('input_ids')?.data).toBeInstanceOf(Int32Array);
    expect(batch.get('loss_mask')?.data).toBeInstanceOf(Float32Array);
    expect(new Set(batch.get('attention_mask')?.data)).toEqual(new Set([0, 1]));
  });

  it('refuses a missing name, and integers in place of reals', () => {
    expect(() => goldenReal(batch, 'nothing')).toThrow('nothing');
    expect(() => goldenReal(batch, 'input_ids')).toThrow('float32');
  });

  it('is part of the project, and reports a path that it lacks', () => {
    expect(referenceFolders[0]).toBe(committedReference);
    expect(() => referencesWith('golden/no-such-family')).toThrow('no-such-family');
  });
});

describe('relativeError', () => {
  it('is relative, infinite on unequal lengths and absolute against zeros', () => {
    expect(relativeError([3, 4], [3, 5])).toBeCloseTo(1 / Math.sqrt(34), 12);
    expect(relativeError([1], [1, 2])).toBe(Infinity);
    expect(relativeError([3, 4], [0, 0])).toBe(5);
    expect(relativeError([NaN], [1])).toBeNaN();
  });
});
