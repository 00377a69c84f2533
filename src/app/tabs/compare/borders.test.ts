import { describe, expect, it } from 'vitest';
import type { MethodName } from '../../../methods/registry.ts';
import { embeddedSettings } from '../../../run/planning/presets.ts';
import type { Results } from '../../../run/results/results.ts';
import { sharedBorders } from './LossOverlay.tsx';

type Run = Pick<Results, 'curves' | 'settings'>;

const run = (round: number[], order: string[], method: MethodName = 'gorp'): Run => ({
  settings: { ...embeddedSettings('quick', method), order },
  curves: { round, step: round.map((_, i) => i + 1), loss: [], gradientNorm: [], seconds: [] },
});

describe('sharedBorders', () => {
  it('begins each round at its first step', () => {
    const order = ['gloss', 'emoji'];
    const borders = [
      { x: 1, name: 'gloss' },
      { x: 3, name: 'emoji' },
    ];
    expect(sharedBorders([run([1, 1, 2, 2], order), run([1, 1, 2], order)])).toEqual(borders);
    expect(sharedBorders([run([1], order), run([1, 1, 2, 2], order)])).toEqual(borders);
  });

  it('has none where runs differ, or without runs', () => {
    expect(sharedBorders([run([1, 1, 2], ['gloss', 'emoji']), run([1, 2, 2], ['gloss', 'emoji'])])).toEqual([]);
    expect(sharedBorders([run([1, 2], ['gloss', 'emoji']), run([1, 2], ['emoji', 'gloss'])])).toEqual([]);
    expect(sharedBorders([run([1, 2], ['gloss', 'emoji']), run([2, 2], ['gloss', 'emoji'], 'mtl')])).toEqual([]);
    expect(sharedBorders([])).toEqual([]);
  });
});
