import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { memoryCheckpoints } from '../testing/memory-checkpoints.ts';
import { slowTokenizer } from '../testing/slow-tokenizer.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import type { Task } from '../tasks/task.ts';
import type { RunEvent } from '../run/events/events.ts';
import { STOP_MS } from '../run/events/stop-limit.ts';
import { EXIT } from './exit-codes.ts';
import { runOnce } from './run-once.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const never = (): Promise<never> => new Promise(() => undefined);
/** As the signal would: the run's own listener is the last one. */
const interrupt = (signal: NodeJS.Signals = 'SIGINT'): void => void process.listeners(signal).at(-1)?.(signal);

describe('a stopped run', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('by %s saves a checkpoint, and resumes there', async (signal) => {
    vi.useRealTimers(); // devices take turns by them
    const checkpoints = memoryCheckpoints(Infinity);
    const settings = tinySettings('seq-lora');
    const steps: string[] = [];
    const train = (onStep: (step: string) => void): ReturnType<typeof runOnce> =>
      runOnce(
        tinyHost(() => undefined, checkpoints.parts()),
        settings,
        (event) => {
          if (event.type === 'progress' && event.phase === 'train') onStep(`${event.round}.${event.done}`);
        },
      );
    const stopped = await train((step) => {
      steps.push(step);
      if (step === '2.2') interrupt(signal);
    });
    expect(stopped).toMatchObject({ exit: EXIT.interrupted, results: { status: 'stopped' } });
    expect(checkpoints.count).toBe(1);
    const resumed = await train((step) => steps.push(step));
    expect(resumed).toMatchObject({ exit: EXIT.ok, results: { status: 'finished' } });
    expect(new Set(steps).size, 'no step was repeated').toBe(steps.length);
  });

  test('that waits for what never comes ends at once', async () => {
    const host = tinyHost(() => undefined, { taskReader: () => never });
    const reported = (event: RunEvent): void => {
      if (event.type === 'progress' && event.phase === 'tasks') interrupt();
    };
    expect(await runOnce(host, tinySettings('seq-lora'), reported)).toMatchObject({ exit: EXIT.interrupted });
  });

  test('that does not obey it is left after five seconds, and the system takes a second signal', async () => {
    const before = process.listeners('SIGINT').length;
    const ended = runOnce(
      tinyHost(() => undefined, { acquireDevice: never }),
      tinySettings('seq-lora'),
      () => undefined,
    );
    expect(process.listeners('SIGINT')).toHaveLength(before + 1);
    interrupt();
    expect(process.listeners('SIGINT'), 'which ends a process that does not listen').toHaveLength(before);
    await vi.advanceTimersByTimeAsync(STOP_MS);
    expect(await ended).toMatchObject({ exit: EXIT.interrupted, results: null });
  });
});

test('a tokenizer that takes for ever ends the run, by name', async () => {
  const texts = { train: [{ sentence: 'a'.repeat(60), label: 'warm' }], dev: [], test: [] };
  const task: Task = { name: 'mine', kind: 'TC', instruction: '', labels: ['warm'], ...texts };
  const settings = { ...tinySettings('seq-lora'), model: 'org/crafted', order: ['mine'] };
  const host = tinyHost(() => undefined, {
    openModel: () => Promise.resolve({ ...tinyModel(), tokenizer: slowTokenizer() }),
    customTask: () => Promise.resolve(task),
    guardTokenizer: (model) => nodeTokenizerGuard(model, 0.2),
  });
  const { exit, error } = await runOnce(host, settings, () => undefined);
  expect(exit).toBe(EXIT.input);
  expect(error).toMatchObject({
    code: 'text/tokenizer-too-slow',
    message: expect.stringContaining('org/crafted') as string,
  });
});
