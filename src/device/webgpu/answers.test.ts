import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Answers } from './gpu.ts';

/** Milliseconds between two polls of {@link LazyEngine}. */
const LOOK = 100;

/** Polls the device only periodically and at every submit, like Firefox. */
class LazyEngine {
  submits = 0;
  readonly #waiting: { readonly doneAt: number; readonly answer: () => void }[] = [];

  constructor() {
    setInterval(() => this.#look(), LOOK);
  }

  submit(): undefined {
    this.submits++;
    this.#look();
  }

  /** Resolves at the first poll after this many milliseconds. */
  work(milliseconds: number): Promise<void> {
    const doneAt = Date.now() + milliseconds;
    return new Promise((answer) => this.#waiting.push({ doneAt, answer }));
  }

  #look(): void {
    for (const { doneAt, answer } of this.#waiting) if (Date.now() >= doneAt) answer();
  }
}

describe('answers of an engine that polls rarely', () => {
  let engine: LazyEngine;
  let answers: Answers;
  beforeEach(() => {
    vi.useFakeTimers();
    engine = new LazyEngine();
    answers = new Answers(engine);
  });
  afterEach(() => void vi.useRealTimers());

  /** Milliseconds until each is done. */
  async function timesOf(...work: Promise<unknown>[]): Promise<number[]> {
    const begin = Date.now();
    const times = Promise.all(work.map((one) => one.then(() => Date.now() - begin)));
    await vi.advanceTimersByTimeAsync(2 * LOOK);
    return times;
  }

  it('come soon after the work is done', async () => {
    expect(await timesOf(engine.work(12))).toEqual([LOOK]);
    const [time] = await timesOf(answers.of(engine.work(12)));
    expect(time).toBeLessThan(24);
  });

  it('come soon to all who wait; nothing is submitted when nobody waits', async () => {
    const [first, second] = await timesOf(...[12, 40].map((ms) => answers.of(engine.work(ms))));
    expect(first).toBeLessThan(24);
    expect(second).toBeLessThan(52);
    const { submits } = engine;
    expect(submits).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(2 * LOOK);
    expect(engine.submits).toBe(submits);
  });

  it('reject with the awaited promise’s reason', async () => {
    await expect(answers.of(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    await vi.advanceTimersByTimeAsync(LOOK);
    expect(engine.submits).toBe(0);
  });
});
