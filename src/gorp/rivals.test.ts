import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { openNetwork, readTexts } from '../run/open-network.ts';
import { relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { tinyModel, tinySettings } from '../testing/tiny-run.ts';
import { ReferenceLearner } from '../testing/reference-learner.ts';
import type { SizedBatch, TokenPair } from '../models/network.ts';
import { Learner } from './learner.ts';
import { energy, type Matrix, multiply, subtract, transpose } from './matrix.ts';
import { METHOD_NAMES, planOf } from '../methods/registry.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterEach(() => device.buffers.destroyAll());
afterAll(() => device.destroy());

const TASKS = 2;
const STEPS = 4; // one more than between two refreshes of a basis
const MAX_GRAD_NORM = 1;
// Few and well separated singular vectors: those of close values may be any mixture, in f32 another than in f64.
const EXACT = { projection: 'exact', clipNorm: 'exact', loraDropout: 0, galoreRank: 2 } as const;

/** What f32 may do to a loss, and to the change of a tensor over a task, in which small gradients count like large ones. */
const TOLERANCE = { loss: 1e-4, norm: 2e-3, change: 1e-2 };

/** Batches of random tokens; each task has words and answers of its own. */
function batchesOf(task: number): SizedBatch[] {
  const random = seededRandom(100 + task);
  const ids = (count: number): number[] =>
    Array.from({ length: count }, () => 3 + 5 * task + Math.floor(random.next() * 8));
  return Array.from({ length: STEPS }, () => ({
    sizes: { B: 3, S: 8, T: 2 },
    rows: [8, 5, 7].map((length) => ({ source: ids(length), label: [...ids(1), 1] })),
  }));
}

/** A batch of one example. */
const single = (row: TokenPair): SizedBatch => ({ sizes: { B: 1, S: 8, T: row.label.length }, rows: [row] });

/** The error of how a tensor has changed, relative to the change. */
const changeError = (found: Matrix, wanted: Matrix, start: Matrix): number =>
  relativeError(subtract(found, start).data, subtract(wanted, start).data);

describe.each(METHOD_NAMES)('%s', (name) => {
  test('learns two tasks as its formulas say, tensor by tensor', async () => {
    const settings = tinySettings(name, {}, EXACT);
    const [plan, { training }] = [planOf(settings.method), settings];
    const model = tinyModel();
    const { network, targets } = openNetwork(device, model, training, await readTexts(model, training));
    const read = (parameter: string): Promise<Float32Array> => model.readTensor(parameter);
    const options = { seed: 1, maxGradNorm: MAX_GRAD_NORM, gradientAccumulation: 1 };
    const learner = await Learner.create(device, network, plan, targets, options, read);
    const reference = await ReferenceLearner.create(device, network, plan, targets, read);
    for (let task = 0; task < TASKS; task++) {
      const batches = batchesOf(task);
      await learner.beginTask(batches);
      const start = await learner.readTrained();
      await reference.beginTask(start.adapters, batches);
      for (const [layer, { A }] of start.adapters) {
        const S = reference.spaceOf(layer);
        if (S && plan.space?.adapterSide === 'input' && plan.space.softness === 0) {
          expect(energy(multiply(A, S)) / energy(A), `fresh A of ${layer} lies outside S`).toBeLessThan(1e-10);
        }
      }
      for (const [step, batch] of batches.entries()) {
        await learner.step([batch]);
        const [found] = await learner.takeRecords();
        const wanted = await reference.step(batch, MAX_GRAD_NORM);
        expect(Math.abs(found.loss / wanted.loss - 1), `loss of step ${step}`).toBeLessThan(TOLERANCE.loss);
        expect(Math.abs(found.gradientNorm / wanted.gradientNorm - 1), `norm of step ${step}`).toBeLessThan(
          TOLERANCE.norm,
        );
      }
      const examples = batches.flatMap(({ rows }) => rows);
      const finished = { sample: batches, singles: examples.map(single), examples };
      const growths = await learner.endTask(finished);
      await reference.endTask(finished);
      expect([...learner.trained.state.tensors.keys()].sort()).toEqual([...reference.state.tensors.keys()].sort());
      for (const [kept, { data }] of learner.trained.state.tensors) {
        const wanted = reference.state.tensors.get(kept) as Matrix;
        expect(relativeError(data, wanted.data), kept).toBeLessThan(TOLERANCE.change);
      }
      const end = await learner.readTrained();
      expect(end.adapters.size + end.weights.size).toBeGreaterThan(0);
      expect([end.adapters.size, end.weights.size]).toEqual([reference.pairs.size, reference.weights.size]);
      for (const [layer, pair] of end.adapters) {
        const [wanted, before] = [reference.pairs.get(layer), start.adapters.get(layer)] as [typeof pair, typeof pair];
        for (const part of ['A', 'B'] as const) {
          const error = changeError(pair[part], wanted[part], before[part]);
          expect(error, `${part} of ${layer} after task ${task + 1}`).toBeLessThan(TOLERANCE.change);
        }
      }
      for (const [layer, W] of end.weights) {
        const error = changeError(W, reference.weights.get(layer) as Matrix, start.weights.get(layer) as Matrix);
        expect(error, `W of ${layer} after task ${task + 1}`).toBeLessThan(TOLERANCE.change);
      }
      for (const { name: layer, total } of growths) {
        const wanted = reference.spaceOf(layer) as Matrix;
        if (plan.space?.softness === 0) expect(total, layer).toBe(wanted.columns);
        const S = end.spaces.get(layer) as Matrix;
        expect(
          relativeError(multiply(S, transpose(S)).data, multiply(wanted, transpose(wanted)).data),
          layer,
        ).toBeLessThan(TOLERANCE.change);
      }
      expect(growths.length > 0).toBe(plan.space !== null);
    }
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});
