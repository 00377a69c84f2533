import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { slowTokenizer } from '../testing/slow-tokenizer.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings } from '../testing/tiny-run.ts';
import type { Task } from '../tasks/task.ts';
import type { RunEvent } from '../run/events.ts';
import { STOP_MS } from '../run/stop-limit.ts';
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
const interrupt = (): void => void process.listeners('SIGINT').at(-1)?.('SIGINT');

describe('a stopped run', () => {
  test('that waits for what never comes ends at once', async () => {
    const host = tinyHost(() => undefined, { taskReader: () => never });
    const told = (event: RunEvent): void => {
      if (event.type === 'progress' && event.phase === 'tasks') interrupt();
    };
    expect(await runOnce(host, tinySettings('seq-lora'), told)).toMatchObject({ exit: EXIT.interrupted });
  });

  test('that does not heed it is left after five seconds, and a second signal ends the process', async () => {
    const before = process.listeners('SIGINT').length;
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    const ended = runOnce(
      tinyHost(() => undefined, { acquireDevice: never }),
      tinySettings('seq-lora'),
      () => undefined,
    );
    interrupt();
    await vi.advanceTimersByTimeAsync(STOP_MS - 1);
    expect(exit).not.toHaveBeenCalled();
    interrupt();
    expect(exit).toHaveBeenCalledWith(EXIT.interrupted);
    await vi.advanceTimersByTimeAsync(STOP_MS);
    expect(await ended).toMatchObject({ exit: EXIT.interrupted, results: null });
    expect(process.listeners('SIGINT')).toHaveLength(before);
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
