import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { newPipeline, SlowGpu, type TimedCall, timedCall } from '../../testing/slow-gpu.ts';
import { SLICE } from './pace.ts';
import { Submitter } from './submitter.ts';

const direct = { of: <T>(answer: Promise<T>): Promise<T> => answer };
const never = new Promise<never>(() => undefined);

/**
 * Thousands of calls, as in a step of a large model: 24 kernels whose speeds differ up to a thousandfold, and the calls
 * of one up to fivefold.
 */
function step(slowest: number, seed = 1): TimedCall[] {
  const random = seededRandom(seed);
  const kernels = Array.from({ length: 24 }, (_, i) => ({
    pipeline: newPipeline(),
    speed: slowest * 1000 ** (i / 23),
  }));
  return Array.from({ length: 3000 }, () => {
    const { pipeline, speed } = kernels[Math.floor(random.next() * kernels.length)];
    const milliseconds = 0.02 * 1000 ** random.next(); // up to 20
    const cost = milliseconds * speed * (1 + 4 * random.next());
    return timedCall(pipeline, cost, milliseconds);
  });
}

let gpu: SlowGpu;
let submitter: Submitter;
const open = (share = 1, delay = () => 0): void => {
  gpu = new SlowGpu(delay);
  submitter = new Submitter(gpu.device, direct, never, { now: () => gpu.now, share });
};
const run = async (calls: readonly TimedCall[]): Promise<void> => {
  const running = submitter.submit(calls, []);
  await gpu.passUntil(running);
  await running;
};
const longest = (): number => Math.max(...gpu.submitted.map(({ begin, end }) => end - begin));
const total = (calls: readonly TimedCall[]): number => calls.reduce((sum, { takes }) => sum + takes, 0);

describe('work in slices', () => {
  beforeEach(() => open());

  it.each([
    ['a weak adapter', 1e4],
    ['a middling one', 1e6],
    ['a fast one', 1e8],
  ])('is never submitted for a second on %s, the first time neither', async (_, speed) => {
    const calls = step(speed);
    await run(calls);
    expect(longest()).toBeLessThan(500);
    expect(gpu.submitted.reduce((sum, { calls: n }) => sum + n, 0)).toBe(calls.length);
  });

  it('converges to slices near the intended length, and no more of them than needed', async () => {
    const calls = step(1e6);
    for (let i = 0; i < 6; i++) await run(calls);
    const before = gpu.submitted.length;
    await run(calls);
    const last = gpu.submitted.slice(before);
    expect(Math.max(...last.map(({ begin, end }) => end - begin))).toBeLessThan(1.6 * SLICE);
    expect(last.length).toBeLessThan(1.6 * (total(calls) / SLICE));
  });

  it('keeps the device busy, with little work before it', async () => {
    const calls = step(1e6);
    for (let i = 0; i < 6; i++) await run(calls);
    const [begin, first] = [gpu.now, gpu.submitted.length];
    gpu.maxWaiting = 0;
    for (let i = 0; i < 5; i++) await run(calls);
    const idle = gpu.submitted.slice(first + 1).map((slice, i) => slice.begin - gpu.submitted[first + i].end);
    expect(Math.max(...idle)).toBe(0);
    expect(gpu.maxWaiting).toBeLessThan(3 * SLICE);
    expect(gpu.now - begin).toBeGreaterThan(4 * total(calls)); // further calls wait for the device
  });

  it('is cut within calls that take seconds, the first time too', async () => {
    const [slow, fast] = [newPipeline(), newPipeline()];
    const calls = [timedCall(fast, 1e6, 0.5), timedCall(slow, 4e9, 4000, 252), timedCall(fast, 1e6, 0.5)];
    await run(calls);
    expect(longest()).toBeLessThan(200);
    const first = gpu.submitted.length;
    const begin = gpu.now;
    await run(calls);
    await gpu.passUntil(gpu.device.queue.onSubmittedWorkDone());
    const again = gpu.submitted.slice(first);
    expect(longest()).toBeLessThan(200);
    expect(Math.max(...again.map((slice) => slice.end - slice.begin))).toBeLessThan(1.1 * SLICE);
    expect(again.reduce((sum, slice) => sum + slice.end - slice.begin, 0)).toBeCloseTo(total(calls));
    expect(gpu.now - begin).toBeLessThan(total(calls) + 1); // it never waits for the host
  });

  it('is one submit where it is short, at once', async () => {
    const calls = Array.from({ length: 30 }, () => timedCall(newPipeline(), 1e3, 0.1));
    await run([]); // learns how late answers come
    await gpu.passUntil(gpu.device.queue.onSubmittedWorkDone());
    gpu.submitted.length = 0;
    const running = submitter.submit(calls, []);
    expect(gpu.submitted).toHaveLength(1);
    await running;
  });

  it.each([10, 50, 100])('is cut as finely when answers come %i ms late, and the device stays busy', async (delay) => {
    const calls = step(1e6);
    open(1, () => delay);
    for (let i = 0; i < 12; i++) await run(calls);
    const [begin, first] = [gpu.now, gpu.submitted.length];
    gpu.maxWaiting = 0;
    for (let i = 0; i < 5; i++) await run(calls);
    const last = gpu.submitted.slice(first);
    expect(last.length).toBeLessThan(5 * 1.6 * (total(calls) / SLICE));
    expect(Math.max(...last.map((slice) => slice.end - slice.begin))).toBeLessThan(1.6 * SLICE);
    const idle = last.slice(1).reduce((sum, slice, i) => sum + slice.begin - last[i].end, 0);
    expect(idle).toBeLessThan(0.01 * 5 * total(calls));
    expect(gpu.maxWaiting).toBeLessThan(4 * SLICE);
    expect(longest()).toBeLessThan(500);
    expect(gpu.now - begin).toBeGreaterThan(4 * total(calls));
  });

  it('is cut as finely where answers come late by a timer, early and late by chance', async () => {
    const random = seededRandom(3);
    open(1, () => 17 * random.next());
    const calls = Array.from({ length: 40 }, () => timedCall(newPipeline(), 1e7, 4, 100));
    await run(calls);
    expect(gpu.submitted.length).toBeLessThan(8 * calls.length);
    expect(longest()).toBeLessThan(200);
  });

  it('is not submitted in long slices when the first answer is the latest', async () => {
    let answers = 0;
    open(1, () => (answers++ === 0 ? 2000 : 1));
    const slow = newPipeline();
    await run([timedCall(slow, 4e9, 4000, 252), ...step(1e6)]);
    expect(longest()).toBeLessThan(500);
  });

  it('starts over for a kernel that becomes slow', async () => {
    const calls = step(1e6);
    for (let i = 0; i < 3; i++) await run(calls);
    const slower = calls.map((call) => ({ ...timedCall(call.pipeline, call.cost, 8 * call.takes), ms: call.ms }));
    await run(slower as TimedCall[]);
    expect(longest()).toBeLessThan(1000);
    const before = gpu.submitted.length;
    await run(slower as TimedCall[]);
    expect(Math.max(...gpu.submitted.slice(before).map(({ begin, end }) => end - begin))).toBeLessThan(5 * SLICE);
  });

  it('fails with the reason of the device’s loss when waiting for it', async () => {
    let lose: (reason: Error) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => (lose = reject));
    submitter = new Submitter(gpu.device, direct, lost, { now: () => gpu.now, share: 1 });
    const running = submitter.submit(step(1e6), []);
    lose(new Error('lost'));
    await expect(running).rejects.toThrow('lost');
  });
});

describe('a share of the device', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each([1, 0.5, 0.25])('of %f is kept to', async (share) => {
    open(share);
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(
      ((then: () => void, ms: number) => void gpu.until(gpu.now + ms).then(then)) as unknown as typeof setTimeout,
    );
    const calls = step(1e6);
    for (let i = 0; i < 3; i++) await run(calls);
    const busy = gpu.submitted.reduce((sum, { begin, end }) => sum + end - begin, 0);
    const { end } = gpu.submitted[gpu.submitted.length - 1];
    expect(busy / end).toBeLessThanOrEqual(share + 0.001);
    expect(busy / end).toBeGreaterThan(0.97 * share);
    if (share < 1) expect(gpu.maxWaiting).toBe(0);
  });

  it('does not rest for as long as the machine slept', async () => {
    let asleep = -1; // submits before the one whose answer comes after the sleep, and that one
    open(0.25, () => (gpu.submitted.length === asleep ? 240_000 : 0));
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(
      ((then: () => void, ms: number) => void gpu.until(gpu.now + ms).then(then)) as unknown as typeof setTimeout,
    );
    const calls = Array.from({ length: 20 }, () => timedCall(newPipeline(), 1e7, 10));
    for (let i = 0; i < 3; i++) await run(calls);
    const [begin, first] = [gpu.now, gpu.submitted.length + 1];
    asleep = first;
    await run(calls);
    expect(gpu.submitted[first].begin - begin).toBeGreaterThan(240_000);
    expect(gpu.submitted[first].begin - begin).toBeLessThan(240_000 + 60_000);
  });
});
