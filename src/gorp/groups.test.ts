import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { adamStepSize } from '../graph/ops/optimizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import {
  energy,
  type Matrix,
  matrix,
  multiply,
  multiplyTranspose,
  subtract,
  transposeMultiply,
} from '../linear-algebra/matrix.ts';
import { packedOf } from '../linear-algebra/packed-symmetric.ts';
import { methodPreset, type MethodSettings, planOf } from '../methods/registry.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { diagonalMatrix, randomMatrix, randomOrthonormal } from '../testing/matrices.ts';
import { LoraGroup } from './adapters/lora-group.ts';
import { FullRankGroup } from './full-rank/full-rank-group.ts';
import { type AdapterPlan, type FullRankPlan, type MethodPlan, partOf } from './part/method-plan.ts';
import { Stack } from './part/stack.ts';
import { slice } from './part/trainable-group.ts';
import { InputSpaces, type SpaceSource } from './spaces/input-spaces.ts';
import { MomentSpace } from './spaces/moment-space.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterEach(() => {
  const { liveLabels } = device.buffers;
  device.buffers.destroyAll();
  expect(liveLabels).toEqual([]);
});
afterAll(() => device.destroy());

/** Largest error of an exact statement in f32. */
const EXACT = 1e-5;
/** An inexact statement must be off by more than this, or the test would prove nothing. */
const FAR = 1e-3;
const STEPS = 7;
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
 * @returns for the last step, by tensor: the share of the gradient's energy that was projected away, and the share of
 *   the update's energy that still falls in the space.
 */
async function train(
  group: LoraGroup | FullRankGroup,
  gradients: readonly Stack[],
  steps = STEPS,
): Promise<{ taken: number; leaked: number }[]> {
  const owned: Stack[] = [];
  const vector = (label: string, values: readonly number[]): { stack: Stack; tensor: Tensor } => {
    const stack = new Stack(device, 'trained', label, [label], 1, values.length);
    owned.push(stack);
    stack.write(label, matrix(1, values.length, values));
    return { stack, tensor: slice(label, stack.range(label), 0, values.length) };
  };
  const { names } = group.layers;
  const rates = vector('rates', [0, 0]);
  const [before, after, update, leaked] = ['before', 'after', 'update', 'leaked'].map((label) =>
    vector(
      label,
      names.map(() => 0),
    ),
  );
  const meters = { before: before.tensor, after: after.tensor, update: update.tensor, leaked: leaked.tensor };
  const g = new Graph();
  group.recordUpdate({ g, clip: vector('clip', [0, 1]).tensor, rates: rates.tensor, meters });
  const compiled = await compile(device, 'update', g, []);
  for (let step = 0; step < steps; step++) {
    const rate = adamStepSize(0.01, step + 1);
    rates.stack.write('rates', matrix(1, 2, [rate, rate]));
    for (const [i, stack] of gradients.entries()) {
      names.forEach((name, n) => stack.write(name, randomMatrix(stack.rows, stack.columns, 100 * i + 10 * step + n)));
    }
    await device.run([compiled.program]);
  }
  const read = async ({ stack }: { stack: Stack }): Promise<Float64Array> =>
    found(await stack.read(), stack.label).data;
  const energies = [await read(before), await read(after), await read(update), await read(leaked)];
  compiled.destroy();
  for (const stack of owned) stack.destroy();
  return names.map((_, i) => ({
    taken: 1 - energies[1][i] / energies[0][i],
    leaked: energies[3][i] / energies[2][i],
  }));
}

/** Spaces of 3 directions and 1 direction: the GPU pads the narrower one with zeros. */
const spacesOf = (names: readonly string[], dimension: number): [string, Matrix][] =>
  names.map((name, i) => [name, randomOrthonormal(dimension, i === 0 ? 3 : 1, 40 + i)]);

const NAMES = ['first', 'second'];

/** The spaces of a test, which go where those of earlier tasks are: in the group, or in those of all inputs. */
async function give(group: LoraGroup | FullRankGroup, spaces: readonly [string, Matrix][]): Promise<void> {
  if (group.space instanceof MomentSpace) for (const [name, S] of spaces) group.space.spaces.set(name, S);
  else {
    for (const [name, S] of spaces) {
      const P = subtract(diagonalMatrix(new Array<number>(S.rows).fill(1)), multiplyTranspose(S, S));
      inputSpaces?.states.set(name, packedOf(Float32Array.from(P.data), S.rows));
    }
    await inputSpaces?.rebuild();
  }
}

let inputSpaces: InputSpaces | undefined;
/** The space that the next group avoids, as in its method. */
function sourceOf(plan: MethodPlan, width: number): SpaceSource {
  const ofInputs = partOf(plan, 'input-space');
  inputSpaces = ofInputs && new InputSpaces(device, ofInputs);
  inputSpaces?.define(
    NAMES.map((name) => ({ name, names: [name], width })),
    [],
  );
  return inputSpaces ?? partOf(plan, 'moment-space') ?? null;
}

function loraGroup(method: MethodSettings): LoraGroup {
  const plan = planOf(method);
  const layers = { names: NAMES, out: 12, inputs: 20 };
  return new LoraGroup(device, layers, partOf(plan, 'adapters') as AdapterPlan, 'kept', sourceOf(plan, 20));
}

function fullRankGroup([out, inputs]: [number, number], method: MethodSettings): FullRankGroup {
  const plan = planOf(method);
  const fullRank = partOf(plan, 'full-rank') as FullRankPlan;
  return new FullRankGroup(device, { names: NAMES, out, inputs }, fullRank, sourceOf(plan, inputs));
}

/** N of the change of weights since the last basis, N V_rᵀ or U_r N: the side that is not compressed is that of W. */
function changeOf({ fast }: FullRankGroup): Stack {
  if (fast === undefined) throw new Error('the group does not compress gradients');
  return fast.pair;
}

function destroy(group: LoraGroup | FullRankGroup): void {
  group.destroy();
  inputSpaces?.destroy();
}

describe('adapters', () => {
  async function trained(
    settings: Partial<MethodSettings>,
    check: (
      name: string,
      S: Matrix,
      pair: { start: Matrix; A: Matrix; moment: Matrix },
      shares: { taken: number; leaked: number },
    ) => void,
  ): Promise<void> {
    const method = { ...methodPreset('gorp'), loraRank: RANK, ...settings };
    const side = method.loraSpace === 'input' ? 'columns' : 'rows';
    const group = loraGroup(method);
    const spaces = spacesOf(NAMES, side === 'columns' ? 20 : RANK);
    await give(group, spaces);
    await group.beginTask(7, true);
    const start = await group.adapters.A.read();
    const shares = await train(group, [group.gradA, group.gradB]);
    const [A, moment] = [await group.adapters.A.read(), await group.momentsA.m.read()];
    for (const [i, [name, S]] of spaces.entries()) {
      check(name, S, { start: found(start, name), A: found(A, name), moment: found(moment, name) }, shares[i]);
    }
    destroy(group);
  }

  test('input side, updates projected: A S = 0 from the start', async () => {
    await trained({ loraSpace: 'input', project: 'update' }, (name, S, { start, A }, { leaked }) => {
      expect(leaked, name).toBeLessThan(EXACT ** 2);
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

  test('as published: the first moment lies outside S, the update does not, and both shares are recorded', async () => {
    await trained({}, (name, S, { start, A, moment }, { taken, leaked }) => {
      expect(shareInside(moment, S, 'rows'), name).toBeLessThan(EXACT);
      expect(shareInside(subtract(A, start), S, 'rows'), name).toBeGreaterThan(FAR);
      const last = randomMatrix(RANK, 20, 10 * (STEPS - 1) + NAMES.indexOf(name));
      expect(leaked, name).toBeGreaterThan(FAR ** 2);
      expect(taken).toBeCloseTo(shareInside(last, S, 'rows') ** 2, 5);
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
    const method = {
      ...methodPreset('gorp'),
      galoreRank: RANK,
      galoreScale: 0.5,
      ...settings,
    };
    const group = fullRankGroup([out, inputs], method);
    await give(group, spaces);
    group.beginTask();
    // The change since the last basis begins at zero, so that rounding does not hide it.
    await train(group, [group.gradient]);
    const [changes, moments] = [await changeOf(group).read(), await group.moments.m.read()];
    for (const [name, S] of spaces) {
      check(name, { S, change: found(changes, name), moment: found(moments, name) });
    }
    destroy(group);
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

  test('wide: ΔW S = 0 with updates projected, on the uncompressed side', async () => {
    await trained(WIDE, { project: 'update' }, 20, (name, { S, change }) => {
      expect(shareInside(change, S, 'columns'), name).toBeLessThan(EXACT);
    });
  });

  test('wide, a space of inputs: ΔW S = 0', async () => {
    await trained(WIDE, { spaceSource: 'activation', project: 'update' }, WIDE[1], (name, { S, change }) => {
      expect(shareInside(change, S, 'columns'), name).toBeLessThan(EXACT);
    });
  });
});

describe('measurements', () => {
  const adapters = (settings: Partial<MethodSettings>): LoraGroup =>
    loraGroup({ ...methodPreset('gorp'), loraRank: RANK, ...settings });
  const weights = (shape: [number, number], settings: Partial<MethodSettings>): FullRankGroup =>
    fullRankGroup(shape, { ...methodPreset('gorp'), galoreRank: RANK, ...settings });
  const inputsOnly = { spaceSource: 'activation', loraSpace: 'input' } as const;

  test.each<[string, () => LoraGroup | FullRankGroup, number, Side]>([
    ['A, rank side', () => adapters({}), RANK, 'rows'],
    ['A, input side', () => adapters({ loraSpace: 'input' }), 20, 'columns'],
    ['tall W', () => weights([20, 12], {}), 20, 'rows'],
    ['wide W', () => weights([12, 20], {}), 20, 'columns'],
    ['wide W, inputs', () => weights([12, 20], inputsOnly), 20, 'columns'],
  ])('%s: the leakage is the share of the change of weights inside S', async (_, make, dimension, side) => {
    const group = make();
    const spaces = spacesOf(NAMES, dimension);
    await give(group, spaces);
    const isLora = group instanceof LoraGroup;
    if (isLora) await group.beginTask(7, true);
    else group.beginTask();
    const stack = isLora ? group.adapters.A : changeOf(group);
    const start = await stack.read();
    const shares = await train(group, isLora ? [group.gradA, group.gradB] : [group.gradient], 1);
    const end = await stack.read();
    for (const [i, [name, S]] of spaces.entries()) {
      const inside = shareInside(subtract(found(end, name), found(start, name)), S, side) ** 2;
      expect(inside, name).toBeGreaterThan(FAR);
      expect(shares[i].leaked, name).toBeCloseTo(inside, 4);
    }
    destroy(group);
  });

  test.each<[string, () => LoraGroup | FullRankGroup, number]>([
    ['A, rank side', () => adapters({}), RANK],
    ['A, input side', () => adapters({ loraSpace: 'input' }), 20],
    ['tall W', () => weights([20, 12], {}), 20],
    ['wide W', () => weights([12, 20], {}), 20],
  ])('%s: Adam’s moment is what the unprojected one has outside S', async (_, make, dimension) => {
    const group = make();
    const spaces = spacesOf(NAMES, dimension);
    await give(group, spaces);
    if (group instanceof LoraGroup) await group.beginTask(7, true);
    else group.beginTask();
    await train(group, group instanceof LoraGroup ? [group.gradA, group.gradB] : [group.gradient]);
    for (const { name, moment, unprojected } of await group.momentsForSpace()) {
      const S = found(new Map(spaces), name);
      expect(shareInside(unprojected, S, 'rows'), name).toBeGreaterThan(FAR);
      const outside = subtract(unprojected, multiply(S, transposeMultiply(S, unprojected)));
      expect(Math.sqrt(energy(subtract(moment, outside)) / energy(outside)), name).toBeLessThan(EXACT);
    }
    destroy(group);
  });
});

function found(matrices: ReadonlyMap<string, Matrix>, name: string): Matrix {
  const one = matrices.get(name);
  if (!one) throw new Error(`There is no ${name}.`);
  return one;
}
