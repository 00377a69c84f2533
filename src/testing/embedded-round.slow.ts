import { expect, it } from 'vitest';
import { nodeTaskReader } from '../cli/host.ts';
import { openNamedModel } from '../cli/named-models.ts';
import type { RunEvent } from '../run/events.ts';
import { embeddedSettings } from '../run/presets.ts';
import { Run } from '../run/run.ts';
import { tinyHost } from './tiny-run.ts';

/** Compares mean losses over this many steps, since a single loss depends on its eight examples. */
const WINDOW = 10;
/** Allowed relative difference of two trajectories, in any window and on average over the round. */
const BOUND = { window: 0.05, round: 0.02 };

/** Losses of the first round of the embedded order. */
async function lossesOf(projection: 'fast' | 'exact'): Promise<number[]> {
  const { order, method, training, ...rest } = embeddedSettings('full', 'gorp');
  const losses: number[] = [];
  const emit = (event: RunEvent): void => {
    if (event.type === 'steps') losses.push(...event.losses);
    if (event.type === 'failed') throw new Error(event.error.message);
  };
  const host = tinyHost(emit, {
    openModel: (model, onProgress, signal) => openNamedModel(model, { onProgress, signal }),
    taskReader: nodeTaskReader,
  });
  await new Run(host, {
    ...rest,
    order: order.slice(0, 1),
    method: { ...method, projection, clipNorm: 'exact' },
    training: { ...training, testExamples: 4 },
  }).execute();
  return losses;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

it('learns a round of the embedded order equally well with a fast and an exact projection', async () => {
  const [fast, exact] = [await lossesOf('fast'), await lossesOf('exact')];
  expect(fast.length).toBe(80);
  expect(exact.length).toBe(80);
  const windows = Array.from({ length: exact.length / WINDOW }, (_, i) => i * WINDOW);
  const differences = windows.map((at) => {
    const [a, b] = [fast, exact].map((losses) => mean(losses.slice(at, at + WINDOW)));
    return Math.abs(a / b - 1);
  });
  console.log(
    `differences of the losses of ${WINDOW} steps: ${differences.map((x) => `${(100 * x).toFixed(2)} %`).join(', ')}`,
  );
  expect(Math.max(...differences)).toBeLessThan(BOUND.window);
  expect(mean(differences)).toBeLessThan(BOUND.round);
  expect(mean(exact.slice(-WINDOW)), 'it has learned').toBeLessThan(mean(exact.slice(0, WINDOW)) / 2);
});
