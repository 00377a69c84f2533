import { describe, expect, it } from 'vitest';
import { TimeEstimate } from './estimate.ts';

describe('TimeEstimate', () => {
  it('gives no estimate until both kinds of work have been seen', () => {
    const estimate = new TimeEstimate(10, 20);
    expect([estimate.secondsLeft, estimate.stepSeconds]).toEqual([null, undefined]);
    estimate.didExamples(5, 10);
    expect(estimate.secondsLeft).toBeNull();
    estimate.didSteps(2, 6);
    expect(estimate.stepSeconds).toBe(3);
    expect(estimate.secondsLeft).toBe(8 * 3 + 15 * 2);
  });

  it('needs no price of work that is not requested', () => {
    const estimate = new TimeEstimate(4, 0);
    estimate.didSteps(1, 2);
    expect(estimate.secondsLeft).toBe(6);
    expect(new TimeEstimate(0, 0).secondsLeft).toBe(0);
  });

  it('follows a change of pace', () => {
    const estimate = new TimeEstimate(1000, 0);
    estimate.didSteps(1, 1);
    for (let i = 0; i < 20; i++) estimate.didSteps(1, 3);
    expect(estimate.stepSeconds).toBeGreaterThan(2.9);
    expect(estimate.stepSeconds).toBeLessThan(3);
  });

  it('ends at 0, not below', () => {
    const estimate = new TimeEstimate(2, 2);
    estimate.didSteps(3, 3);
    estimate.didExamples(5, 5);
    expect(estimate.secondsLeft).toBe(0);
  });

  it('counts the spaces that are yet to be built, by steps until the first has been', () => {
    const estimate = new TimeEstimate(10, 0, 2);
    estimate.didSteps(2, 6);
    expect(estimate.secondsLeft).toBe(8 * 3 + 2 * 4 * 3);
    estimate.didSpace(7);
    expect(estimate.secondsLeft).toBe(8 * 3 + 7);
  });
});
