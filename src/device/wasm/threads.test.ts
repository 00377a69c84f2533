import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { BLOCK_BYTES, OPEN, WORDS } from './thread.mjs';
import { ThreadGone, Threads } from './threads.ts';

/** A thread that enters a call, as those of the device do, and disappears. */
const VANISHING = `
const { workerData: { buffer, sequence, state } } = require('node:worker_threads');
const words = new Int32Array(buffer);
Atomics.wait(words, sequence, 0);
Atomics.add(words, state, 1);
`;

test('a thread that disappears in the middle of a call is noticed, and nobody waits for it forever', async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const words = new Int32Array(memory.buffer, 0, BLOCK_BYTES / 4);
  // Computes until the other thread is inside.
  const kernel = (): void => {
    while (Atomics.load(words, WORDS.state) === OPEN);
  };
  const threads = new Threads(memory, 0, [kernel], 1);
  const workerData = { buffer: memory.buffer, sequence: WORDS.sequence, state: WORDS.state };
  const worker = new Worker(VANISHING, { eval: true, workerData });
  await new Promise((resolve) => worker.once('online', resolve));
  expect(() => threads.share(0, 0, 0, 8)).toThrow(ThreadGone);
  await worker.terminate();
});
