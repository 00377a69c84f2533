import { describe, expect, it } from 'vitest';
import { largestDifference, orthonormalityError, randomMatrix, randomOrthonormal } from './matrices.ts';
import { energy, type Matrix, matrix, multiply, subtract, transposeMultiply } from '../linear-algebra/matrix.ts';
import type { ProjType } from './as-released.ts';
import { type FullRankSpaceSide, type ReferenceGroup, referenceState, referenceStep } from './reference-optimizer.ts';

const RATES = { learningRate: 0.01, weightDecay: 0 };
const GALORE = { kind: 'galore', ...RATES, rank: 3, updateProjGap: 4, scale: 1 } as const;

/** The change of a weight over some steps with random gradients. */
function train(rows: number, columns: number, group: ReferenceGroup, steps = 9): Matrix {
  const start = randomMatrix(rows, columns, 1);
  let weight = start;
  let state = referenceState(rows, columns, group);
  for (let step = 0; step < steps; step++) {
    ({ weight, state } = referenceStep(weight, randomMatrix(rows, columns, 100 + step), state, group));
  }
  return subtract(weight, start);
}

/** Share of the change in the space, on its left or right. */
const leftShare = (change: Matrix, space: Matrix): number => energy(transposeMultiply(space, change)) / energy(change);
const rightShare = (change: Matrix, space: Matrix): number => energy(multiply(change, space)) / energy(change);

describe('referenceStep', () => {
  it('moves every entry by about the learning rate at first, against the gradient', () => {
    const { weight, state } = referenceStep(
      matrix(1, 3),
      matrix(1, 3, [1, -2, 0]),
      referenceState(1, 3, { kind: 'regular', ...RATES }),
      { kind: 'regular', ...RATES },
    );
    expect([...weight.data]).toEqual([-0.01, 0.01, 0].map((value) => expect.closeTo(value, 6) as number));
    expect(state.step).toBe(1);
  });

  it('decays the weight after the step, by lr · weight decay', () => {
    const group: ReferenceGroup = { kind: 'regular', learningRate: 0.1, weightDecay: 0.5 };
    const zero = matrix(2, 2);
    const { weight } = referenceStep(matrix(2, 2, [1, 2, 3, 4]), zero, referenceState(2, 2, group), group);
    expect([...weight.data]).toEqual([0.95, 1.9, 2.85, 3.8].map((value) => expect.closeTo(value, 12) as number));
  });

  it('does not change its arguments', () => {
    const group: ReferenceGroup = { ...GALORE, projType: 'std', spaceSide: 'kept', project: 'gradient', space: null };
    const [w, g] = [randomMatrix(6, 5, 1), randomMatrix(6, 5, 2)];
    const state = referenceState(6, 5, group);
    referenceStep(w, g, state, group);
    expect([w, g, state]).toEqual([randomMatrix(6, 5, 1), randomMatrix(6, 5, 2), referenceState(6, 5, group)]);
  });

  it('refreshes the basis every gap steps and preserves the moments', () => {
    const group: ReferenceGroup = { ...GALORE, projType: 'std', spaceSide: 'kept', project: 'gradient', space: null };
    let state = referenceState(8, 6, group);
    const bases = [];
    for (let step = 0; step < 9; step++) {
      const before = state.m;
      ({ state } = referenceStep(matrix(8, 6), randomMatrix(8, 6, step), state, group));
      bases.push(state.basis);
      if (step === 4) {
        const fresh = subtract(state.m, { ...before, data: before.data.map((value) => 0.9 * value) });
        const low = multiply(randomMatrix(8, 6, 4), state.basis?.right ?? matrix(6, 0));
        expect(largestDifference(fresh, { ...low, data: low.data.map((value) => value * (1 - 0.9)) })).toBeLessThan(
          1e-15,
        );
      }
    }
    expect(new Set(bases).size).toBe(3);
    expect([bases[0] === bases[3], bases[3] === bases[4], bases[4] === bases[7], bases[7] === bases[8]]).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('limits the rank to the shorter side', () => {
    const group: ReferenceGroup = {
      ...GALORE,
      rank: 50,
      projType: 'std',
      spaceSide: 'kept',
      project: 'gradient',
      space: null,
    };
    expect(referenceState(7, 4, group).m).toEqual(matrix(7, 4));
    expect(energy(train(7, 4, group))).toBeGreaterThan(0);
  });
});

describe('the shared space of LoRA’s A', () => {
  const rank = randomOrthonormal(8, 3, 1);
  const input = randomOrthonormal(30, 10, 2);
  const group = (loraSpace: 'rank' | 'input', project: 'gradient' | 'update'): ReferenceGroup => ({
    kind: 'lora',
    ...RATES,
    loraSpace,
    project,
    space: loraSpace === 'rank' ? rank : input,
  });

  it('leaks part of the update when only the gradient is projected', () => {
    for (const share of [
      leftShare(train(8, 30, group('rank', 'gradient')), rank),
      rightShare(train(8, 30, group('input', 'gradient')), input),
    ]) {
      expect(share).toBeGreaterThan(1e-3);
      expect(share).toBeLessThan(0.3);
    }
  });

  it('holds no part of the change when the update is projected', () => {
    expect(leftShare(train(8, 30, group('rank', 'update')), rank)).toBeLessThan(1e-28);
    expect(rightShare(train(8, 30, group('input', 'update')), input)).toBeLessThan(1e-28);
  });

  it('does nothing when null or empty', () => {
    const plain = train(8, 30, { kind: 'regular', ...RATES });
    for (const space of [null, matrix(8, 0)]) {
      const change = train(8, 30, { kind: 'lora', ...RATES, loraSpace: 'rank', project: 'update', space });
      expect(largestDifference(change, plain)).toBe(0);
    }
  });

  it('stops all learning when it is full', () => {
    const space = randomOrthonormal(8, 8, 3);
    const change = train(8, 30, { kind: 'lora', ...RATES, loraSpace: 'rank', project: 'update', space });
    expect(energy(change)).toBeLessThan(1e-24);
  });
});

describe('the shared space of a full-rank weight', () => {
  const PROJ_TYPES: ProjType[] = ['std', 'reverse_std', 'left', 'right', 'full'];
  const group = (
    projType: ProjType,
    spaceSide: FullRankSpaceSide,
    project: 'gradient' | 'update',
    space: Matrix,
  ): ReferenceGroup => ({ ...GALORE, projType, spaceSide, project, space });

  it.each([
    ['right', 'kept', 24, leftShare],
    ['right', 'left', 24, leftShare],
    ['left', 'kept', 20, rightShare],
  ] as const)('with a %s basis and side %s acts on the uncompressed side', (projType, side, dimension, share) => {
    const space = randomOrthonormal(dimension, 6, 1);
    const leaked = share(train(24, 20, group(projType, side, 'gradient', space)), space);
    expect(leaked).toBeGreaterThan(1e-4);
    expect(leaked).toBeLessThan(share(randomMatrix(24, 20, 5), space));
    expect(share(train(24, 20, group(projType, side, 'update', space)), space)).toBeLessThan(1e-28);
  });

  it.each(PROJ_TYPES)('on the input side holds no part of the change with %s and projected updates', (projType) => {
    for (const [rows, columns] of [
      [24, 20],
      [20, 24],
    ]) {
      // A space this large leaves fewer dimensions than the rank, so the basis must reach into S.
      for (const dimension of [6, columns - 2, columns]) {
        const space = randomOrthonormal(columns, dimension, 2);
        const change = train(rows, columns, group(projType, 'input', 'update', space));
        expect(energy(multiply(change, space))).toBeLessThan(1e-28);
      }
    }
  });

  it('on the input side has a right basis outside S', () => {
    const space = randomOrthonormal(20, 6, 3);
    const step = group('right', 'input', 'gradient', space);
    const { state } = referenceStep(matrix(24, 20), randomMatrix(24, 20, 4), referenceState(24, 20, step), step);
    const right = state.basis?.right ?? matrix(0, 0);
    expect(orthonormalityError(right)).toBeLessThan(1e-13);
    expect(energy(transposeMultiply(space, right))).toBeLessThan(1e-24);
  });

  it.each(['left', 'full'] as const)('acts on the rank dimensions with side left and %s, as released', (projType) => {
    const space = randomOrthonormal(GALORE.rank, 2, 4);
    for (const project of ['gradient', 'update'] as const) {
      const step = group(projType, 'left', project, space);
      const { state } = referenceStep(matrix(24, 20), randomMatrix(24, 20, 5), referenceState(24, 20, step), step);
      expect(energy(transposeMultiply(space, state.m))).toBeLessThan(1e-28);
    }
  });

  it('scales the update', () => {
    const once = train(24, 20, { ...group('std', 'kept', 'gradient', matrix(24, 0)), scale: 1 } as ReferenceGroup);
    const half = train(24, 20, { ...group('std', 'kept', 'gradient', matrix(24, 0)), scale: 0.5 } as ReferenceGroup);
    expect(largestDifference({ ...once, data: once.data.map((value) => value / 2) }, half)).toBeLessThan(1e-15);
  });
});
