import { describe, expect, test } from 'vitest';
import { METHOD_NAMES, type MethodName } from '../methods/registry.ts';
import { TINY_FAMILIES, type TinyFamily } from '../testing/tiny-families.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import type { RunEvent } from './events.ts';
import type { Results } from './results.ts';
import { Run } from './run.ts';
import type { RunSettings, TrainingSettings } from './settings.ts';

/** Trains and tests two tasks; whatever the end is, nothing is left on the device. */
async function execute({ open }: TinyFamily, settings: RunSettings): Promise<Results> {
  const events: RunEvent[] = [];
  await new Run(
    tinyHost((event) => events.push(event), { openModel: () => Promise.resolve(open()) }),
    settings,
  ).execute();
  expect(events.filter((event) => event.type === 'memory').at(-1)).toMatchObject({ liveBuffers: 0, liveBytes: 0 });
  const end = events.at(-1);
  if (end?.type !== 'finished') throw new Error(JSON.stringify(end));
  return end.results;
}

async function learns(family: TinyFamily, method: MethodName, training: Partial<TrainingSettings> = {}): Promise<void> {
  const settings = tinySettings(method, { ...family.lengths, epochs: 4, ...training });
  const { curves, accuracy } = await execute(family, settings);
  expect(curves.loss.every(Number.isFinite)).toBe(true);
  const first = curves.loss.filter((_, i) => curves.round[i] === curves.round[0]);
  const mean = (part: number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
  const steps = first.length / settings.training.epochs; // whole epochs hold the same examples
  expect(mean(first.slice(-steps)), first.join(', ')).toBeLessThan(mean(first.slice(0, steps)));
  for (const row of [...accuracy.ranked, ...accuracy.exact]) {
    for (const value of row) expect(value === null || (value >= 0 && value <= 1)).toBe(true);
  }
}

/** Other ways of a run, one for each family in turn. */
const WAYS: Partial<TrainingSettings>[] = [
  { activations: 'recompute' },
  { frozenWeights: '8-bit' },
  { gradientAccumulation: 2 },
  { frozenWeights: '4-bit', activations: 'recompute' },
];

describe.each(TINY_FAMILIES.map((family, i) => ({ ...family, i })))('$family', (family) => {
  // Every method is run on some family here; the whole product is run by `npm run test:slow`.
  const share = METHOD_NAMES.filter((_, k) => k % TINY_FAMILIES.length === family.i);
  const methods = new Set<MethodName>(['gorp-plus', 'gorp', ...share]);
  test.each([...methods])('%s learns two tasks', (method) => learns(family, method));

  test('gorp-plus with less memory', () => learns(family, 'gorp-plus', WAYS[family.i % WAYS.length]));

  if (family.isDecoderOnly) {
    test('gorp-plus by the chat template', () => learns(family, 'gorp-plus', { promptForm: 'chat', sourceLength: 40 }));
  }
});
