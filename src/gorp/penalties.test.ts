import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { GraphUnderTest } from '../testing/graphs.ts';
import { recordOrthogonalPenalty, recordSparsityPenalty } from './penalties.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const LAMBDA = 0.3;
const SHAPES = { A: [3, 8], B: [5, 3], previous: [6, 8], gradA: [3, 8], gradB: [5, 3] };

function penalised(which: 'orthogonal' | 'sparsity'): GraphUnderTest {
  const inputs = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, { shape }]));
  return new GraphUnderTest(inputs, (g, input) => {
    const pair = { A: input('A'), B: input('B'), gradA: input('gradA'), gradB: input('gradB') };
    if (which === 'orthogonal') recordOrthogonalPenalty(g, pair, input('previous'), LAMBDA);
    else recordSparsityPenalty(g, pair, LAMBDA);
    return { gradA: pair.gradA, gradB: pair.gradB };
  });
}

/** Σ|A_prev Aᵀ| or Σ|B A|, plainly. */
function term(which: 'orthogonal' | 'sparsity', A: ArrayLike<number>, other: ArrayLike<number>): number {
  const [r, inputs] = SHAPES.A;
  let sum = 0;
  if (which === 'orthogonal') {
    for (let p = 0; p < SHAPES.previous[0]; p++)
      for (let i = 0; i < r; i++) {
        let dot = 0;
        for (let c = 0; c < inputs; c++) dot += other[p * inputs + c] * A[i * inputs + c];
        sum += Math.abs(dot);
      }
    return sum;
  }
  for (let o = 0; o < SHAPES.B[0]; o++)
    for (let c = 0; c < inputs; c++) {
      let dot = 0;
      for (let i = 0; i < r; i++) dot += other[o * r + i] * A[i * inputs + c];
      sum += Math.abs(dot);
    }
  return sum;
}

describe.each(['orthogonal', 'sparsity'] as const)('%s penalty', (which) => {
  test('adds the gradient of its term to what the gradients hold, and the GPU agrees', async () => {
    const t = penalised(which);
    const value = (name: string): Float64Array => Float64Array.from(t.values.get(t.input(name)) ?? []);
    const after = t.onCpu();
    const other = value(which === 'orthogonal' ? 'previous' : 'B');
    const check = (name: 'A' | 'B', at: (moved: Float64Array) => number): void => {
      const x = value(name);
      const before = value(`grad${name}`);
      for (let i = 0; i < x.length; i++) {
        const move = (h: number): number => at(x.map((v, k) => (k === i ? v + h : v)));
        const slope = (LAMBDA * (move(1e-6) - move(-1e-6))) / 2e-6;
        expect(after.get(`grad${name}`)?.[i]).toBeCloseTo(before[i] + slope, 5);
      }
    };
    check('A', (A) => term(which, A, other));
    if (which === 'sparsity') check('B', (B) => term(which, value('A'), B));
    await t.checkDevice(device, 2e-5);
  });
});
