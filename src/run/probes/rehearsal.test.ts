import { describe, expect, test } from 'vitest';
import type { TokenPair } from '../../base/batch.ts';
import { memoryCheckpoints } from '../../testing/memory-checkpoints.ts';
import { TINY_FAMILIES } from '../../testing/tiny-families.ts';
import { tinyHost, tinySettings } from '../../testing/tiny-run.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import type { RunEvent } from '../events/events.ts';
import type { RunHost } from '../events/host.ts';
import type { SavedRun } from '../files/saved-run.ts';
import { rehearsedBatch } from './rehearsal.ts';
import type { Results } from '../results/results.ts';
import { Run } from '../run.ts';
import { parseSettings } from '../settings/settings.ts';

const llama = TINY_FAMILIES.find(({ family }) => family === 'llama-tiny');

/** A run that rehearses with a weight. */
async function ran(
  rehearsal: number,
  parts: Partial<RunHost> = {},
  onEvent?: (event: RunEvent, run: Run) => void,
): Promise<Results> {
  // General prompts are longer than those of the tiny tasks.
  const training = { rehearsal, epochs: 2, sourceLength: 72, targetLength: 3 };
  const settings = tinySettings('gorp-plus', training, { loraDropout: 0 });
  let last: Results | null = null;
  const run: Run = new Run(
    tinyHost(
      (event) => {
        onEvent?.(event, run);
        if (event.type === 'failed') throw new Error(event.error.message);
        if (event.type === 'finished' || event.type === 'stopped') last = event.results;
      },
      { openModel: () => Promise.resolve(llama?.open({ vocab_size: 13 }) ?? tinyModel()), ...parts },
    ),
    settings,
  );
  await run.execute();
  if (last === null) throw new Error('no results');
  return last;
}

describe('a run that rehearses', () => {
  test('learns something else from the second step on, and reports the loss of its task alone', async () => {
    const [with1, without] = [await ran(1), await ran(0)];
    expect(with1.status).toBe('finished');
    // Before the first step both models are the base model, so the loss of the task's first batch is the same.
    expect(with1.curves.loss[0]).toBeCloseTo(without.curves.loss[0], 5);
    expect(with1.curves.loss.slice(1)).not.toEqual(without.curves.loss.slice(1));
    expect(with1.curves.gradientNorm[0]).not.toBeCloseTo(without.curves.gradientNorm[0], 3);
    expect(with1.memory.liveBuffersAtEnd).toBe(0);
  });

  test('resumes with equal bits, and rehearses the answers that were made before training', async () => {
    const whole = await ran(1);
    const checkpoints = memoryCheckpoints(0);
    await ran(1, checkpoints.parts(), (event, run) => {
      if (event.type === 'progress' && event.phase === 'train' && event.round === 2) run.stop();
    });
    const saved: SavedRun | null | undefined = await checkpoints.parts().checkpoints?.last();
    expect(saved?.place.rehearsed).toHaveLength(48);
    const resumed = await ran(1, checkpoints.parts());
    expect(resumed.curves.loss).toEqual(whole.curves.loss);
    expect(resumed.accuracy).toEqual(whole.accuracy);
  });
});

test('every prompt comes once before any comes again, in another order', () => {
  const examples = Array.from({ length: 48 }, (_, i): TokenPair => ({ source: [i], label: [i] }));
  const settings = { seed: 1, sourceLength: 16 };
  const pass = (first: number): number[] =>
    Array.from({ length: 6 }, (_, i) => rehearsedBatch(examples, settings, 1, first + i)).flatMap(({ rows }) =>
      rows.map(({ source }) => source[0]),
    );
  const [one, two] = [pass(1), pass(7)];
  for (const each of [one, two]) expect(new Set(each).size).toBe(48);
  expect(one).not.toEqual(two);
});

test('the exact norm of a sum of micro-batches is refused', () => {
  const settings = tinySettings('gorp', { rehearsal: 1 });
  expect(() => parseSettings(settings)).not.toThrow();
  expect(() => parseSettings({ ...settings, method: { ...settings.method, clipNorm: 'exact' } })).toThrow(/rehearsal/);
});
