import { describe, expect, it } from 'vitest';
import { GALLERY } from '../../../weights/gallery.ts';
import { parseModelReference } from '../../../weights/model-reference.ts';
import { whyTooLarge } from './Gallery.tsx';

describe('whyTooLarge', () => {
  const model = { trainingBytes: 9000, largestTrained: 1000, bytes: 5000 };
  const unknown = { bufferBytes: null, budgetBytes: null, storageBytes: null };
  it.each([
    [{}, null],
    [{ bufferBytes: 4000, budgetBytes: 9000, storageBytes: 5000 }, null],
    [{ bufferBytes: 3999 }, /buffer/],
    [{ budgetBytes: 8999 }, /Memory to use/],
    [{ storageBytes: 4999 }, /room/],
  ])('with the limits %j', (limits, expected) => {
    const why = whyTooLarge(model, { ...unknown, ...limits });
    if (expected === null) expect(why).toBeNull();
    else expect(why).toMatch(expected);
  });
});

describe('the gallery', () => {
  it.each(GALLERY.map((model) => [model.reference, model] as const))('%s is plausible', (reference, model) => {
    expect(parseModelReference(reference)).toMatchObject({ kind: 'hub' });
    // 16 or 32 bits per parameter, or 8 and a scale for each 32, plus a tokenizer.
    expect(model.bytes / model.parameters).toBeGreaterThan(model.blocks === undefined ? 1.9 : 1.05);
    expect(model.bytes / model.parameters).toBeLessThan(4.2);
  });
});
