import { describe, expect, it } from 'vitest';
import { GALLERY } from '../../weights/gallery.ts';
import { parseModelReference } from '../../weights/model-reference.ts';
import { bufferLimit, roughTrainingBytes, whyTooLarge } from './device-fit.ts';

describe('whyTooLarge', () => {
  const model = { largestTensor: 1000, bytes: 5000 };
  it.each([
    [null, null],
    [{ bufferBytes: 4000, storageBytes: null }, null],
    [{ bufferBytes: 4000, storageBytes: 5000 }, null],
    [{ bufferBytes: 3999, storageBytes: null }, /buffer/],
    [{ bufferBytes: 4000, storageBytes: 4999 }, /room/],
  ])('of %j', (limits, expected) => {
    const why = whyTooLarge(model, limits);
    if (expected === null) expect(why).toBeNull();
    else expect(why).toMatch(expected);
  });
});

describe('roughTrainingBytes', () => {
  it('is more than the weights, by a quarter or by 256 MiB', () => {
    expect(roughTrainingBytes(0)).toBe(256 * 2 ** 20);
    expect(roughTrainingBytes(1e9)).toBe(5e9);
  });
});

describe('bufferLimit', () => {
  it('is the smaller of the two limits, and null without an adapter', async () => {
    const limits = { maxBufferSize: 7, maxStorageBufferBindingSize: 5 };
    const gpu = (adapter: unknown): Pick<GPU, 'requestAdapter'> => ({
      requestAdapter: () => Promise.resolve(adapter as GPUAdapter | null),
    });
    expect(await bufferLimit(gpu({ limits }))).toBe(5);
    expect([await bufferLimit(gpu(null)), await bufferLimit(undefined)]).toEqual([null, null]);
  });
});

describe('the gallery', () => {
  it.each(GALLERY.map((model) => [model.reference, model] as const))('%s makes sense', (reference, model) => {
    expect(parseModelReference(reference)).toMatchObject({ kind: 'hub' });
    // 16 or 32 bits a parameter, and a tokenizer.
    expect(model.bytes / model.parameters).toBeGreaterThan(1.9);
    expect(model.bytes / model.parameters).toBeLessThan(4.2);
    expect(model.largestTensor).toBeLessThan(model.parameters);
  });
});
