import { describe, expect, it } from 'vitest';
import { gridStep } from '../ui/hooks.ts';
import { changeSinceLearned, roundsTested } from './scores.ts';

const R = [
  [0.1, null, 0.3],
  [0.8, 0.3, null],
  [0.6, 0.7, null],
  [0.4, null, 0.9],
];

describe('roundsTested', () => {
  it('is the last round tested on its own task, whatever else was measured', () => {
    expect(roundsTested(R)).toBe(3);
    expect(roundsTested(R.slice(0, 3))).toBe(2);
    expect(roundsTested([...R.slice(0, 3), [0.4, null, null]])).toBe(2);
    expect(roundsTested([[null], [null]])).toBe(0);
    expect(roundsTested([[null], [0]])).toBe(1);
    expect(roundsTested([])).toBe(0);
  });
});

describe('changeSinceLearned', () => {
  it('is the difference from the diagonal, and null above it and at gaps', () => {
    expect(changeSinceLearned(R, 3, 0)).toBeCloseTo(-0.4);
    expect(changeSinceLearned(R, 1, 0)).toBe(0);
    expect(changeSinceLearned(R, 1, 1)).toBeNull();
    expect(changeSinceLearned(R, 0, 0)).toBeNull();
    expect(changeSinceLearned(R, 3, 1)).toBeNull();
    expect(changeSinceLearned(R, 9, 9)).toBeNull();
  });
});

describe('gridStep', () => {
  it('moves by one cell and stops at the edges', () => {
    expect(gridStep('ArrowDown', [3, 1], 4, 3)).toEqual([3, 1]);
    expect(gridStep('ArrowUp', [3, 1], 4, 3)).toEqual([2, 1]);
    expect(gridStep('ArrowLeft', [0, 0], 4, 3)).toEqual([0, 0]);
    expect(gridStep('End', [2, 0], 4, 3)).toEqual([2, 2]);
    expect(gridStep('a', [2, 0], 4, 3)).toBeNull();
  });
});
