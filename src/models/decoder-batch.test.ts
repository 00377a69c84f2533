import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { layOutDecoderBatch, padLeft } from './decoder-batch.ts';

describe('layOutDecoderBatch', () => {
  it('puts labels after prompts, pads on the left, and leaves missing rows empty', () => {
    const rows = [
      { source: [1, 5], label: [7, 2] },
      { source: [1, 5, 6], label: [8, 9, 2] },
    ];
    expect(layOutDecoderBatch(rows, { B: 3, S: 3, T: 4 }, 4)).toEqual({
      ids: Uint32Array.of(4, 4, 4, 1, 5, 7, 4, 1, 5, 6, 8, 9, 4, 4, 4, 4, 4, 4),
      mask: Float32Array.of(0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0),
      start: Int32Array.of(-3, -1, -6),
      labels: Int32Array.of(-100, -100, 7, 2, -100, 8, 9, 2, -100, -100, -100, -100),
    });
  });

  it('refuses examples that do not fit', () => {
    const sizes = { B: 1, S: 3, T: 2 };
    const fits = { source: [1, 2, 3], label: [4, 5] };
    expect(() => layOutDecoderBatch([fits], sizes, 0)).not.toThrow();
    expect(() => layOutDecoderBatch([{ source: [1], label: [4, 5, 6] }], sizes, 0)).toThrow(RangeError);
    expect(() => layOutDecoderBatch([{ source: [1, 2, 3, 4], label: [5] }], sizes, 0)).toThrow(RangeError);
    expect(() => layOutDecoderBatch([fits, fits], sizes, 0)).toThrow(RangeError);
  });

  const FOLDER = 'golden/llama-tiny';

  it.each(referencesWith(FOLDER))('lays out the prompts of llama-tiny like $name', (reference) => {
    const golden = reference.tensors(`${FOLDER}/batch.safetensors`);
    const { pad_token_id: padId } = reference.json<{ pad_token_id: number }>(`${FOLDER}/config.json`);
    const part = (name: string): number[] => Array.from(golden.get(name)?.data ?? []);
    const [B, S] = golden.get('input_ids')?.shape ?? [];
    const [ids, mask, positions] = ['input_ids', 'attention_mask', 'position_ids_from_mask'].map(part);
    const rows = Array.from({ length: B }, (_, b) =>
      ids.slice(b * S, (b + 1) * S).filter((_, s) => mask[b * S + s] === 1),
    );
    const batch = padLeft(rows, { B, S }, padId);
    expect([...batch.ids]).toEqual(ids);
    expect([...batch.mask]).toEqual(mask);
    const atTokens = (position: (i: number) => number): number[] => mask.flatMap((on, i) => (on ? [position(i)] : []));
    expect(atTokens((i) => (i % S) + batch.start[Math.floor(i / S)])).toEqual(atTokens((i) => positions[i]));
  });
});
