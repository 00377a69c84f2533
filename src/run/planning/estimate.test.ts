import { describe, expect, it } from 'vitest';
import { roughly } from './duration.ts';
import { type Amounts, TimeEstimate } from './work-left.ts';

const left = (some: Partial<Amounts>): Amounts => ({
  test: 0,
  ask: 0,
  text: 0,
  begin: 0,
  train: 0,
  validate: 0,
  end: 0,
  save: 0,
  ...some,
});

describe('TimeEstimate', () => {
  it('assumes that work of a kind not seen yet is as fast as the rest', () => {
    const estimate = new TimeEstimate(left({ test: 100, train: 1000, end: 50 }));
    expect(estimate.timeLeft()).toBeNull();
    estimate.did('test', 20, 10);
    expect(estimate.timeLeft()?.seconds).toBe((80 + 1000 + 50) * 0.5);
    estimate.did('train', 100, 20);
    // Operations so far took a quarter of a second on average.
    expect(estimate.timeLeft()?.seconds).toBeCloseTo(80 * 0.5 + 900 * 0.2 + 50 * (30 / 120), 9);
    estimate.did('end', 25, 50);
    expect(estimate.timeLeft()?.seconds).toBeCloseTo(80 * 0.5 + 900 * 0.2 + 25 * 2, 9);
  });

  it('counts down during long work, but not beyond what it should take', () => {
    const estimate = new TimeEstimate(left({ train: 100, end: 80 }));
    estimate.did('train', 10, 10);
    estimate.did('end', 40, 20);
    const afterEnd = (seconds: number): number | undefined =>
      estimate.timeLeft({ kind: 'end', amount: 30, seconds })?.seconds;
    expect([0, 5, 15, 60].map(afterEnd)).toEqual([110, 105, 95, 95]);
  });

  it('follows a change of pace', () => {
    const estimate = new TimeEstimate(left({ train: 1000 }));
    estimate.did('train', 1, 1);
    for (let i = 0; i < 20; i++) estimate.did('train', 1, 3);
    const pace = (estimate.timeLeft()?.seconds ?? 0) / 979;
    expect(pace).toBeGreaterThan(2.9);
    expect(pace).toBeLessThan(3);
  });

  it('forgets a first step that compiled kernels', () => {
    const estimate = new TimeEstimate(left({ train: 102 }));
    for (const seconds of [9, 1]) estimate.did('train', 1, seconds);
    expect(estimate.timeLeft()?.seconds).toBeCloseTo(100, 9);
  });

  it('stays within 30 % where another program slows every other ten seconds to a half, and its range holds the truth', () => {
    const step = (i: number): number => (Math.floor(i / 50) % 2 === 0 ? 0.2 : 0.4);
    const steps = 1000;
    const seconds = Array.from({ length: steps }, (_, i) => step(i));
    const estimate = new TimeEstimate(left({ train: steps }));
    for (const [i, taken] of seconds.entries()) {
      estimate.did('train', 1, taken);
      const real = seconds.slice(i + 1).reduce((a, b) => a + b, 0);
      if (i < 200 || real < 60) continue;
      const { seconds: told, least, most } = estimate.timeLeft() ?? { seconds: NaN, least: NaN, most: NaN };
      expect(told / real).toBeLessThan(1.3);
      expect(real / told).toBeLessThan(1.3);
      expect([least <= real, real <= most]).toEqual([true, true]);
    }
  });

  it('ends at 0, not below', () => {
    expect(new TimeEstimate(left({})).timeLeft()?.seconds).toBe(0);
    const estimate = new TimeEstimate(left({ train: 2, test: 2 }));
    estimate.did('train', 3, 3);
    estimate.did('test', 5, 5);
    expect(estimate.timeLeft()?.seconds).toBe(0);
  });

  it('is uncertain of what it has not seen, and of what strays', () => {
    const steady = new TimeEstimate(left({ train: 100, test: 100 }));
    const ratio = (estimate: TimeEstimate): number =>
      (estimate.timeLeft()?.most ?? NaN) / (estimate.timeLeft()?.least ?? NaN);
    steady.did('train', 1, 1);
    const ratios = [ratio(steady)];
    for (let i = 0; i < 9; i++) steady.did('train', 1, 1);
    ratios.push(ratio(steady));
    for (let i = 0; i < 10; i++) steady.did('test', 1, 2);
    ratios.push(ratio(steady));
    expect(ratios[0]).toBeGreaterThan(ratios[1]);
    expect(ratios[1]).toBeGreaterThan(ratios[2]);
    expect(roughly(270, [steady.timeLeft()?.least ?? NaN, steady.timeLeft()?.most ?? NaN])).toBe('about 5 min');
    const straying = new TimeEstimate(left({ train: 100 }));
    for (let i = 0; i < 20; i++) straying.did('train', 1, i % 2 === 0 ? 0.5 : 4);
    expect(ratio(straying)).toBeGreaterThan(2);
  });

  it('counts what is saved by its bytes', () => {
    const estimate = new TimeEstimate(left({ train: 2, save: 300e6 }));
    estimate.did('train', 1, 1);
    expect(estimate.timeLeft()?.seconds).toBeCloseTo(1 + 2, 9);
    estimate.did('save', 100e6, 4);
    expect(estimate.timeLeft()?.seconds).toBeCloseTo(1 + 8, 9);
  });

  it('leaves room for checkpoints', () => {
    const estimate = new TimeEstimate(left({ train: 20 }));
    estimate.did('train', 1, 1);
    estimate.pauses(0.05);
    expect(estimate.timeLeft()?.seconds).toBeCloseTo(20, 9);
  });
});
