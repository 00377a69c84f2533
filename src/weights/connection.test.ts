import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PATIENCE, patiently } from './connection.ts';
import { interrupted } from './response-checks.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const SECOND = 1000;

/** A download that breaks at every try until so many seconds have passed. */
function download(offline: number): Promise<string> {
  const begun = Date.now();
  return patiently(
    () =>
      Date.now() - begun < offline * SECOND
        ? Promise.reject(interrupted('https://example.org/model.safetensors', 7, new Error('offline')))
        : Promise.resolve('done'),
    PATIENCE,
    undefined,
    () => 7,
  );
}

test('a broken download waits for a machine that wakes up and is offline for half a minute', async () => {
  const done = download(30);
  await vi.advanceTimersByTimeAsync(60 * SECOND);
  await expect(done).resolves.toBe('done');
});

test('a download that stays broken ends with the reason', async () => {
  const failed = expect(download(3600)).rejects.toMatchObject({ code: 'weights/interrupted' });
  await vi.advanceTimersByTimeAsync(60 * SECOND);
  await failed;
});
