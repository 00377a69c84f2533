import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { planOf, methodPreset } from '../../methods/registry.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { GraphUnderTest } from '../../testing/graphs.ts';
import { type Matrix, matrix, multiply, transpose } from '../../linear-algebra/matrix.ts';
import {
  type PenalisedPair,
  recordCrossedPenalty,
  recordNormPenalty,
  recordOrthogonalPenalty,
  recordSparsityPenalty,
} from './penalties-part.ts';
import type { Graph } from '../../graph/graph.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { openParts } from '../learner/open-parts.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

const LAMBDA = 0.3;
const R = 3;
const INPUTS = 8;

interface Penalty {
  readonly out: number;
  readonly record: (g: Graph, pair: PenalisedPair, previous: Tensor) => void;
  /** The plain formula of the term. */
  readonly term: (A: Matrix, B: Matrix, previous: Matrix) => number;
  readonly ofB: boolean;
}

const absolute = ({ data }: Matrix): number => data.reduce((sum, x) => sum + Math.abs(x), 0);

const PENALTIES: Readonly<Record<string, Penalty>> = {
  orthogonal: {
    out: 5,
    record: (g, pair, previous) => recordOrthogonalPenalty(g, pair, previous, LAMBDA),
    term: (A, _, previous) => absolute(multiply(previous, transpose(A))),
    ofB: false,
  },
  sparsity: {
    out: 5,
    record: (g, pair) => recordSparsityPenalty(g, pair, LAMBDA),
    term: (A, B) => absolute(multiply(B, A)),
    ofB: true,
  },
  crossed: {
    out: INPUTS,
    record: (g, pair) => recordCrossedPenalty(g, pair, LAMBDA),
    term: (A, B) => absolute(multiply(A, B)),
    ofB: true,
  },
  norm: {
    out: 5,
    record: (g, pair) => recordNormPenalty(g, pair, LAMBDA),
    term: (A, B) => Math.hypot(...A.data) + Math.hypot(...B.data),
    ofB: true,
  },
};

function penalised({ out, record }: Penalty, B?: number[]): GraphUnderTest {
  const shapes = { A: [R, INPUTS], B: [out, R], previous: [6, INPUTS], gradA: [R, INPUTS], gradB: [out, R] };
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
  return new GraphUnderTest({ ...inputs, B: { shape: shapes.B, ...(B && { values: B }) } }, (g, input) => {
    const pair = { A: input('A'), B: input('B'), gradA: input('gradA'), gradB: input('gradB') };
    record(g, pair, input('previous'));
    return { gradA: pair.gradA, gradB: pair.gradB };
  });
}

describe.each(Object.entries(PENALTIES))('%s penalty', (_, penalty) => {
  test('adds the gradient of its term to the gradients, and the device agrees', async () => {
    const t = penalised(penalty);
    const value = (name: string): Matrix => {
      const { shape } = t.input(name);
      return matrix(shape[0], shape[1], Float64Array.from(t.values.get(t.input(name)) ?? []));
    };
    const given = { A: value('A'), B: value('B') };
    const after = t.onCpu();
    for (const name of penalty.ofB ? (['A', 'B'] as const) : (['A'] as const)) {
      const x = given[name];
      const before = value(`grad${name}`).data;
      for (let i = 0; i < x.data.length; i++) {
        const at = (h: number): number => {
          const moved = { ...given, [name]: { ...x, data: x.data.with(i, x.data[i] + h) } };
          return penalty.term(moved.A, moved.B, value('previous'));
        };
        const slope = (LAMBDA * (at(1e-6) - at(-1e-6))) / 2e-6;
        expect(after.get(`grad${name}`)?.[i]).toBeCloseTo(before[i] + slope, 5);
      }
    }
    await t.checkDevice(device, 2e-5);
  });
});

test('the norm of a zero matrix has a zero gradient', async () => {
  const t = penalised(PENALTIES.norm, new Array<number>(5 * R).fill(0));
  expect(t.onCpu().get('gradB')).toEqual(Float64Array.from(t.values.get(t.input('gradB')) ?? []));
  await t.checkDevice(device, 2e-5);
});

test('refuses the released form of N-LoRA if a layer is not square, and names the layer', () => {
  const plan = planOf({ ...methodPreset('n-lora'), sparsityForm: 'released', loraRank: 2 });
  const shapes = new Map([
    ['one.q.weight', [8, 8]],
    ['one.v.weight', [4, 8]],
  ]);
  const targets = { lora: /\.[qv]$/, fullRank: /none/ };
  expect(() => openParts(device, { shapes, embeddingWidth: 8 }, plan, targets)).toThrow(/one\.v is \[4, 8\]/);
  expect(device.buffers.liveLabels).toEqual([]);
});
