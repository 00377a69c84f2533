import { createElement } from 'react';
import { describe, expect, it } from 'vitest';
import type { TensorSpace } from '../../../run/results/results.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import { endedRun } from '../../state/run-state.ts';
import { markup, silentPage, textOf } from '../../testing/markup.ts';
import { RanksTab } from './RanksTab.tsx';
import {
  chanceAngle,
  degrees,
  layerSummary,
  layerLines,
  lineOf,
  shortName,
  spectrumPoints,
  taskLikeness,
  tensorRows,
} from './ranks.ts';

const space = (name: string, added: number, total: number, dimension = 8): TensorSpace => ({
  name,
  part: 'lora',
  dimension,
  added,
  total,
  heldBefore: 0.25,
  spectrum: [0.5, 0.125, 0.125],
  threshold: 0.9,
  orthonormality: 2e-7,
  directions: 3,
  angles: [],
});

it.each([
  ['seq-lora', 'has no shared space', 'Directions held'],
  ['gorp', 'Directions held', 'has no shared space'],
] as const)('the tab of a run of %s says that it %s', (method, said, other) => {
  const page = silentPage();
  page.store.setState({ run: endedRun(quickResults(method, 1)) });
  const text = textOf(markup(page, createElement(RanksTab)));
  expect(text).toContain(said);
  expect(text).not.toContain(other);
});

describe('tensorRows', () => {
  it('separates rounds, takes the latest total, and leaves future rounds undefined', () => {
    const rows = tensorRows(
      [
        { round: 1, tensors: [space('b', 3, 3), space('a', 2, 2)] },
        { round: 2, tensors: [space('a', 6, 8), space('b', 0, 3)] },
      ],
      3,
      false,
    );
    expect(rows.map(({ name, total, full }) => [name, total, full])).toEqual([
      ['b', 3, false],
      ['a', 8, true],
    ]);
    expect(rows[1]?.rounds.map((round) => round?.added)).toEqual([2, 6, undefined]);
  });

  it('never calls a soft space full', () => {
    const [row] = tensorRows([{ round: 1, tensors: [space('a', 8, 8)] }], 1, true);
    expect([row?.total, row?.full]).toEqual([8, false]);
  });

  it('has no rows before the first space', () => {
    expect(tensorRows([], 4, false)).toEqual([]);
  });
});

describe('shortName', () => {
  it('says in words which layer it is', () => {
    expect(shortName('encoder.block.0.layer.0.SelfAttention.q')).toBe('encoder 0 self-attention query');
    expect(shortName('decoder.block.11.layer.1.EncDecAttention.v')).toBe('decoder 11 cross-attention value');
    expect(shortName('model.layers.12.mlp.gate_proj')).toBe('12 MLP gate');
    expect(shortName('something.else')).toBe('something.else');
  });
});

describe('spectrumPoints', () => {
  it('sums from the share held before, and marks added directions', () => {
    expect(spectrumPoints(space('a', 2, 2), false)).toEqual([
      { index: 1, energy: 0.5, cumulative: 0.75, added: true },
      { index: 2, energy: 0.125, cumulative: 0.875, added: true },
      { index: 3, energy: 0.125, cumulative: 1, added: false },
    ]);
    expect(spectrumPoints({ ...space('a', 0, 0), spectrum: [] }, false)).toEqual([]);
  });
});

const layer = (name: string, gradientNorm: number, projectedAway: number | null = null) => ({
  name,
  part: 'lora' as const,
  gradientNorm,
  projectedAway,
  leakage: projectedAway === null ? null : projectedAway / 2,
});

describe('layerLines', () => {
  it('follows each layer through the samples, and leaves out unknown values', () => {
    const lines = layerLines([
      { round: 1, step: 5, layers: [layer('a', 2), layer('b', 3)] },
      { round: 2, step: 9, layers: [layer('a', 1, 0.5), layer('b', 4, 0)] },
    ]);
    expect([...lines.keys()]).toEqual(['a', 'b']);
    const a = lines.get('a') ?? [];
    expect(lineOf(a, 'gradientNorm')).toEqual([
      { step: 5, value: 2 },
      { step: 9, value: 1 },
    ]);
    expect(lineOf(a, 'projectedAway')).toEqual([{ step: 9, value: 0.5 }]);
    expect(lineOf(lines.get('b') ?? [], 'leakage')).toEqual([{ step: 9, value: 0 }]);
  });
});

describe('layerSummary', () => {
  it('takes the worst space, the means of the latest step, and the layer with the largest gradient', () => {
    const spaces = [
      { round: 1, tensors: [{ ...space('a', 1, 1), orthonormality: 1 }] },
      { round: 2, tensors: [space('a', 1, 1), { ...space('b', 1, 1), orthonormality: 1e-6 }] },
    ];
    const samples = [
      { round: 1, step: 1, layers: [layer('a', 9)] },
      { round: 2, step: 2, layers: [layer('a', 1, 0.25), layer('b', 2, 0.75)] },
    ];
    expect(layerSummary(spaces, samples)).toEqual({
      orthonormality: 1e-6,
      projectedAway: 0.5,
      leakage: 0.25,
      largest: { name: 'b', gradientNorm: 2 },
    });
    expect(layerSummary([], [])).toEqual({ orthonormality: null, projectedAway: null, leakage: null, largest: null });
  });
});

describe('angles between tasks', () => {
  it('are summarised as the mean cosine over tensors, by pair of tasks', () => {
    const tensors = [
      { ...space('a', 1, 1), angles: [{ task: 1, cosines: [1, 0.5] }] },
      { ...space('b', 1, 1), angles: [{ task: 1, cosines: [0.25] }] },
    ];
    const likeness = taskLikeness(
      [
        { round: 1, tensors: [space('a', 1, 1)] },
        { round: 2, tensors },
      ],
      3,
    );
    expect(likeness).toEqual([[], [0.5], [null, null]]);
  });

  it('are 0° for a cosine of 1, 90° for 0, and have a value expected by chance', () => {
    expect([1, 1.0000001, 0.5, 0].map(degrees)).toEqual([0, 0, 60, 90].map((x) => expect.closeTo(x, 10) as number));
    expect(chanceAngle(8, 3, 8)).toBe(0);
    expect(chanceAngle(1, 2, 8)).toBeCloseTo(60, 10);
  });
});
