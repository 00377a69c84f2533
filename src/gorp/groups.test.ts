import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Gpu } from '../gpu/device.ts';
import { submit } from '../gpu/program.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { adamStepSize } from '../graph/ops/optimizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import { acquireTestGpu } from '../testing/gpu.ts';
import { randomMatrix, randomOrthonormal } from '../testing/matrices.ts';
import { FullRankGroup } from './full-rank-group.ts';
import { LoraGroup } from './lora-group.ts';
import { energy, type Matrix, matrix, multiply, subtract, transposeMultiply } from './matrix.ts';
import type { MethodSettings } from './method-settings.ts';
import { methodPreset } from './methods.ts';
import { Stack } from './stack.ts';
import { slice } from './trainable-group.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await acquireTestGpu();
});
afterEach(() => {
  const { liveLabels } = gpu.buffers;
  gpu.buffers.destroyAll();
  expect(liveLabels).toEqual([]);
});
afterAll(() => gpu.destroy());

/** What an exact statement may be off by in f32. */
const EXACT = 1e-5;
/** What is not exact must be off by more than this, or the test would show nothing. */
const FAR = 1e-3;
const STEPS = 7;
const GAP = 3;
const RANK = 4;

type Side = 'rows' | 'columns';

/** The part of a matrix in a space, relative to the matrix: ‖Sᵀ X‖ / ‖X‖, or ‖X S‖ / ‖X‖. */
function shareInside(x: Matrix, S: Matrix, side: Side): number {
  expect(energy(x)).toBeGreaterThan(0);
  return Math.sqrt(energy(side === 'rows' ? transposeMultiply(S, x) : multiply(x, S)) / energy(x));
}

/**
 * Trains a group on random gradients at learning rate 0.01, as the learner does, without a model.
 *
 * @returns the shares of the last gradients' energy that were projected away.
 */
async function train(group: LoraGroup | FullRankGroup, gradients: readonly Stack[]): Promise<Matrix> {
  const owned: Stack[] = [];
  const vector = (label: string, values: readonly number[]): { stack: Stack; tensor: Tensor } => {
    const stack = new Stack(gpu, label, [label], 1, values.length);
    owned.push(stack);
    stack.write(label, matrix(1, values.length, values));
    return { stack, tensor: slice(label, stack.range(label), 0, values.length) };
  };
  const { names } = group.layers;
  const zeros = names.map(() => 0);
  const [rates, share] = [vector('rates', [0, 0]), vector('share', zeros)];
  const record = {
    before: vector('before', zeros).tensor,
    after: vector('after', zeros).tensor,
    share: share.tensor,
  };
  const g = new Graph();
  group.recordUpdate({ g, clip: vector('clip', [0, 1]).tensor, rates: rates.tensor, record });
  const update = await compile(gpu, 'update', g, []);
  for (let step = 0; step < STEPS; step++) {
    const rate = adamStepSize(0.01, step + 1);
    rates.stack.write('rates', matrix(1, 2, [rate, rate]));
    for (const [i, stack] of gradients.entries()) {
      names.forEach((name, n) => stack.write(name, randomMatrix(stack.rows, stack.columns, 100 * i + 10 * step + n)));
    }
    if (group instanceof FullRankGroup && step % GAP === 0) await group.refreshBasis();
    submit(gpu, update.program);
  }
  const shares = (await share.stack.read()).get('share');
  update.destroy();
  for (const stack of owned) stack.destroy();
  if (!shares) throw new Error('No shares were recorded.');
  return shares;
}

/** Spaces of 3 directions and 1 direction: the narrower one is filled up with zeros on the GPU. */
const spacesOf = (names: readonly string[], dimension: number): [string, Matrix][] =>
  names.map((name, i) => [name, randomOrthonormal(dimension, i === 0 ? 3 : 1, 40 + i)]);

const NAMES = ['first', 'second'];

describe('adapters', () => {
  async function trained(
    settings: Partial<MethodSettings>,
    check: (name: string, S: Matrix, pair: { start: Matrix; A: Matrix; moment: Matrix }, share: number) => void,
  ): Promise<void> {
    const method = { ...methodPreset('gorp'), loraRank: RANK, ...settings };
    const side = method.loraSpace === 'input' ? 'columns' : 'rows';
    const group = new LoraGroup(gpu, { names: NAMES, out: 12, inputs: 20 }, method);
    const spaces = spacesOf(NAMES, side === 'columns' ? 20 : RANK);
    for (const [name, S] of spaces) group.space?.spaces.set(name, S);
    group.beginTask(7, true);
    const start = await group.adapters.A.read();
    const shares = await train(group, [group.gradA, group.gradB]);
    const [A, moment] = [await group.adapters.A.read(), await group.momentsA.m.read()];
    for (const [i, [name, S]] of spaces.entries()) {
      check(name, S, { start: found(start, name), A: found(A, name), moment: found(moment, name) }, shares.data[i]);
    }
    group.destroy();
  }

  test('input side, updates projected: A S = 0 from the fresh A on', async () => {
    await trained({ loraSpace: 'input', project: 'update' }, (name, S, { start, A }) => {
      expect(shareInside(start, S, 'columns'), name).toBeLessThan(EXACT);
      expect(shareInside(subtract(A, start), S, 'columns'), name).toBeLessThan(EXACT);
      expect(shareInside(A, S, 'columns'), name).toBeLessThan(EXACT);
    });
  });

  test('rank side, updates projected: Sᵀ ΔA = 0', async () => {
    await trained({ project: 'update' }, (name, S, { start, A }) => {
      expect(shareInside(subtract(A, start), S, 'rows'), name).toBeLessThan(EXACT);
      expect(shareInside(start, S, 'rows'), name).toBeGreaterThan(FAR);
    });
  });

  test('as published: the first moment is outside S, the update is not, and the share taken is recorded', async () => {
    await trained({}, (name, S, { start, A, moment }, share) => {
      expect(shareInside(moment, S, 'rows'), name).toBeLessThan(EXACT);
      expect(shareInside(subtract(A, start), S, 'rows'), name).toBeGreaterThan(FAR);
      const last = randomMatrix(RANK, 20, 10 * (STEPS - 1) + NAMES.indexOf(name));
      expect(share).toBeCloseTo(shareInside(last, S, 'rows') ** 2, 5);
    });
  });
});

describe('full-rank weights', () => {
  interface Trained {
    S: Matrix;
    change: Matrix;
    moment: Matrix;
  }
  async function trained(
    [out, inputs]: [number, number],
    settings: Partial<MethodSettings>,
    dimension: number,
    check: (name: string, result: Trained) => void,
    spaces = spacesOf(NAMES, dimension),
  ): Promise<void> {
    const method = { ...methodPreset('gorp'), galoreRank: RANK, updateProjGap: GAP, galoreScale: 0.5, ...settings };
    const group = new FullRankGroup(gpu, { names: NAMES, out, inputs }, method);
    for (const [name, S] of spaces) group.space?.spaces.set(name, S);
    group.beginTask();
    // The weights begin at zero, so that the change is not lost in their rounding.
    await train(group, [group.gradient]);
    const [changes, moments] = [await group.weights.read(), await group.moments.m.read()];
    for (const [name, S] of spaces) {
      check(name, { S, change: found(changes, name), moment: found(moments, name) });
    }
    group.destroy();
  }
  const TALL: [number, number] = [20, 12];
  const WIDE: [number, number] = [12, 20];

  test('tall: Sᵀ ΔW = 0 with updates projected, Sᵀ R = 0 as published', async () => {
    await trained(TALL, { project: 'update' }, 20, (name, { S, change }) => {
      expect(shareInside(change, S, 'rows'), name).toBeLessThan(EXACT);
    });
    await trained(TALL, {}, 20, (name, { S, change, moment }) => {
      expect(shareInside(moment, S, 'rows'), name).toBeLessThan(EXACT);
      expect(shareInside(change, S, 'rows'), name).toBeGreaterThan(FAR);
    });
  });

  test('wide: ΔW S = 0 with updates projected, on the side that is kept whole', async () => {
    await trained(WIDE, { project: 'update' }, 20, (name, { S, change }) => {
      expect(shareInside(change, S, 'columns'), name).toBeLessThan(EXACT);
    });
  });

  test('wide, S on the left as released: Sᵀ R = 0 in the coordinates of the basis', async () => {
    await trained(WIDE, { spaceSide: 'left' }, RANK, (name, { S, moment }) => {
      expect(shareInside(moment, S, 'rows'), name).toBeLessThan(EXACT);
    });
  });

  test.each([
    ['std', TALL],
    ['std', WIDE],
    ['full', TALL],
    ['full', WIDE],
    ['left', TALL],
  ] as const)('activation space, %s, %o: ΔW S = 0', async (projType, shape) => {
    const settings = { spaceSource: 'activation', project: 'update', projType } as const;
    await trained([...shape], settings, shape[1], (name, { S, change }) => {
      expect(shareInside(change, S, 'columns'), name).toBeLessThan(EXACT);
    });
  });

  test.each(['right', 'full', 'left'] as const)(
    'activation space that leaves fewer directions than the rank, %s: ΔW S = 0',
    async (projType) => {
      const settings = { spaceSource: 'activation', project: 'update', projType } as const;
      const spaces = NAMES.map((name, i): [string, Matrix] => [name, randomOrthonormal(12, 10, 90 + i)]);
      await trained(
        TALL,
        settings,
        12,
        (name, { S, change }) => expect(shareInside(change, S, 'columns'), name).toBeLessThan(EXACT),
        spaces,
      );
    },
  );
});

function found(matrices: ReadonlyMap<string, Matrix>, name: string): Matrix {
  const one = matrices.get(name);
  if (!one) throw new Error(`There is no ${name}.`);
  return one;
}
