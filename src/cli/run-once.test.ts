import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { acquireTestDevice, deviceWith } from '../testing/devices.ts';
import { memoryCheckpoints } from '../testing/memory-checkpoints.ts';
import { slowTokenizer } from '../testing/slow-tokenizer.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { onDevice, tinyHost, tinySettings } from '../testing/tiny-run.ts';
import type { Task } from '../tasks/task.ts';
import type { RunEvent } from '../run/events/events.ts';
import type { RunHost } from '../run/events/host.ts';
import { EXIT } from './exit.ts';
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

  test('whose device never opens ends at once, and the system takes a second signal', async () => {
    const before = process.listeners('SIGINT').length;
    const ended = runOnce(
      tinyHost(() => undefined, { acquireDevice: never }),
      tinySettings('seq-lora'),
      () => undefined,
    );
    expect(process.listeners('SIGINT')).toHaveLength(before + 1);
    interrupt();
    expect(process.listeners('SIGINT'), 'which ends a process that does not listen').toHaveLength(before);
    expect(await ended).toMatchObject({ exit: EXIT.interrupted });
  });

  test('whose step takes a minute says so, ends after it, and loses nothing', async () => {
    const checkpoints = memoryCheckpoints(Infinity);
    const device = await acquireTestDevice();
    let [isSlow, learned] = [false, 0];
    const slow = deviceWith(device, {
      run: async (programs, copies) => {
        if (isSlow) await new Promise((resolve) => setTimeout(resolve, 60_000));
        isSlow = false;
        await device.run(programs, copies);
      },
    });
    const parts = { ...onDevice(() => Promise.resolve(slow)), ...checkpoints.parts(), now: () => Date.now() };
    const told: RunEvent[] = [];
    const ended = runOnce(
      tinyHost(() => undefined, parts),
      tinySettings('seq-lora'),
      (event) => {
        told.push(event);
        if (event.type !== 'progress' || event.phase !== 'train') return;
        learned = event.done;
        if (learned !== 2) return;
        isSlow = true;
        setTimeout(interrupt, 1500); // in the middle of the third step
      },
    );
    while (learned < 2) await vi.advanceTimersByTimeAsync(0);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(told.at(-1)?.type).toBe('stopping');
    expect(told.filter(({ type }) => type === 'stopping').length, 'a sign of life every second').toBeGreaterThan(50);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await ended).toMatchObject({ exit: EXIT.interrupted, results: { status: 'stopped' } });
    const saved = await checkpoints.parts().savedCheckpoint?.();
    expect(saved?.place, 'the step that was being taken').toMatchObject({ round: 1, steps: 3 });
  });

  test('in the middle of a task’s end ends after it if steps would be lost, else at once', async () => {
    vi.useRealTimers();
    const stopAtSpace = async (parts: Partial<RunHost>): Promise<string[]> => {
      const spaces: string[] = [];
      await runOnce(
        tinyHost(() => undefined, parts),
        tinySettings('gorp-plus'),
        (event) => {
          if (event.type === 'space') spaces.push('grown');
          if (event.type !== 'progress' || event.phase !== 'space') return;
          if (spaces.length === 0) interrupt();
          spaces.push(event.item);
        },
      );
      return spaces;
    };
    const checkpoints = memoryCheckpoints(Infinity);
    expect(await stopAtSpace(checkpoints.parts())).toContain('grown');
    const saved = await checkpoints.parts().savedCheckpoint?.();
    expect(saved?.place).toMatchObject({ round: 1, phase: 'test' });
    expect(await stopAtSpace({}), 'nothing is saved').toHaveLength(1);
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
