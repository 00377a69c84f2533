import { describe, expect, it } from 'vitest';
import type { TensorSpace } from '../../run/results.ts';
import { projectionLines, shortName, spectrumPoints, tensorRows } from './ranks.ts';

const space = (name: string, added: number, total: number, dimension = 8): TensorSpace => ({
  name,
  part: 'lora',
  dimension,
  added,
  total,
  heldBefore: 0.25,
  spectrum: [0.5, 0.125, 0.125],
  threshold: 0.9,
});

describe('tensorRows', () => {
  it('keeps rounds apart, takes the latest total, and leaves what has not come undefined', () => {
    const rows = tensorRows(
      [
        { round: 1, tensors: [space('b', 3, 3), space('a', 2, 2)] },
        { round: 2, tensors: [space('a', 6, 8), space('b', 0, 3)] },
      ],
      3,
    );
    expect(rows.map(({ name, total, full }) => [name, total, full])).toEqual([
      ['b', 3, false],
      ['a', 8, true],
    ]);
    expect(rows[1]?.rounds.map((round) => round?.added)).toEqual([2, 6, undefined]);
  });

  it('has no rows before the first space', () => {
    expect(tensorRows([], 4)).toEqual([]);
  });
});

describe('shortName', () => {
  it('drops what repeats, and only that', () => {
    expect(shortName('encoder.block.0.layer.0.SelfAttention.q')).toBe('encoder 0 SelfAttention.q');
    expect(shortName('decoder.block.11.layer.1.EncDecAttention.v')).toBe('decoder 11 EncDecAttention.v');
    expect(shortName('model.layers.12.mlp.gate_proj')).toBe('12 mlp.gate_proj');
    expect(shortName('something.else')).toBe('something.else');
  });
});

describe('spectrumPoints', () => {
  it('adds up from what was held, and marks what was added', () => {
    expect(spectrumPoints(space('a', 2, 2))).toEqual([
      { index: 1, energy: 0.5, cumulative: 0.75, added: true },
      { index: 2, energy: 0.125, cumulative: 0.875, added: true },
      { index: 3, energy: 0.125, cumulative: 1, added: false },
    ]);
    expect(spectrumPoints({ ...space('a', 0, 0), spectrum: [] })).toEqual([]);
  });
});

describe('projectionLines', () => {
  it('follows each tensor through the samples that name it', () => {
    const lines = projectionLines([
      { round: 2, step: 5, tensors: [{ name: 'a', share: 0.5 }] },
      {
        round: 2,
        step: 9,
        tensors: [
          { name: 'a', share: 0.25 },
          { name: 'b', share: 1 },
        ],
      },
    ]);
    expect(lines.get('a')).toEqual([
      { step: 5, share: 0.5 },
      { step: 9, share: 0.25 },
    ]);
    expect(lines.get('b')).toEqual([{ step: 9, share: 1 }]);
    expect(lines.get('c')).toBeUndefined();
  });
});
