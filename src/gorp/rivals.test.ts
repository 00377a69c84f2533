import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Batch } from '../base/batch.ts';
import { seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { energy, type Matrix, matrix, multiply, subtract, transpose } from '../linear-algebra/matrix.ts';
import { METHOD_NAMES, type MethodName, type MethodSettings, planOf } from '../methods/registry.ts';
import { openNetwork, readTexts } from '../run/models/open-network.ts';
import { relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { ReferenceLearner } from '../testing/reference-learner.ts';
import { sideOfA } from '../testing/space-side.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { readTrained } from '../testing/trained.ts';
import { Learner } from './learner.ts';
import { LearnerCore } from './learner/core.ts';
import { isSoft, needsOf, spaceOf } from './part/method-plan.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterEach(() => device.buffers.destroyAll());
afterAll(() => device.destroy());

const TASKS = 2;
const STEPS = 4; // one more than the gap between two refreshes of a basis
const MAX_GRAD_NORM = 1;
// Few, well separated singular vectors: for close values f32 and f64 may mix vectors differently.
const PRECISE = { clipNorm: 'exact', loraDropout: 0, galoreRank: 2 } as const;

/** Errors of f32 in a loss, a norm, and a tensor's change over a task, where small gradients count like large ones. */
const TOLERANCE = { loss: 1e-4, norm: 2e-3, change: 1e-2 };

/** Batches of random tokens; each task has its own words and answers. */
function batchesOf(task: number): Batch[] {
  const random = seededRandom(100 + task);
  const ids = (count: number): number[] =>
    Array.from({ length: count }, () => 3 + 5 * task + Math.floor(random.next() * 8));
  return Array.from({ length: STEPS }, () =>
    [8, 5, 7].map((length) => ({ source: ids(length), label: [...ids(1), 1] })),
  );
}

/** The error of a tensor's change, relative to the change. */
const changeError = (found: Matrix, wanted: Matrix, start: Matrix): number =>
  relativeError(subtract(found, start).data, subtract(wanted, start).data);

/** Every method with its initial settings, and other forms of some. */
const CASES: readonly (readonly [title: string, name: MethodName, settings: Partial<MethodSettings>])[] = [
  ...METHOD_NAMES.map((name) => [name, name, {}] as const),
  ['o-lora with λ₂', 'o-lora', { normPenalty: 0.1 }],
  ['o-lora as in its long order', 'o-lora', { penalties: 'long-order' }],
  ['inf-lora by the energy of inputs', 'inf-lora', { energyOf: 'inputs', threshold: 0.8 }],
  ['gain-lora on o-lora', 'gain-lora', { base: 'o-lora' }],
  ['gain-lora by the energy of inputs', 'gain-lora', { energyOf: 'inputs', threshold: 0.8, gateThreshold: 0.8 }],
  ['kl-lora over all tokens', 'kl-lora', { klOver: 'all' }],
  // At a rate of 0.01, a ReLU of the encoder lies within 1e-6 of its kink at the last step: the reference, moved to the
  // learner's adapters, has the learner's norm (3.777350 of both); moved from there by 1e-6, 0.5 % more.
  ['slao at an odd rank', 'slao', { loraRank: 3, learningRate: 0.003 }],
  ['n-lora as released', 'n-lora', { sparsityForm: 'released', sparsityPenalty: 0.01 }],
];

describe.each(CASES)('%s', (_, name, changes) => {
  test('learns two tasks according to its formulas, tensor by tensor', async () => {
    const settings = tinySettings(name, {}, { ...PRECISE, ...changes });
    const [plan, { training }] = [planOf(settings.method), settings];
    const space = spaceOf(plan);
    const model = tinyModel();
    const byPrompt = needsOf(plan).byPrompt !== undefined;
    const { network, targets } = openNetwork(
      device,
      model,
      { ...training, byPrompt },
      await readTexts(model, training),
    );
    const read = (parameter: string): Promise<Float32Array> => model.readTensor(parameter);
    const options = { seed: 1, maxGradNorm: MAX_GRAD_NORM, gradientAccumulation: 1, tasks: TASKS };
    const core = await LearnerCore.load(device, network, plan, targets, options, read);
    const learner = new Learner(core);
    const reference = await ReferenceLearner.create(device, network, plan, targets, read, TASKS);
    for (let task = 0; task < TASKS; task++) {
      const batches = batchesOf(task);
      await learner.beginTask(batches);
      const start = await readTrained(core);
      const ended = new Map(reference.gate);
      await reference.beginTask(start.adapters, batches, start.gate);
      for (const part of ['first', 'second'].filter((one) => ended.has(one))) {
        // A new gate starts as the last.
        const [found, wanted] = [start.gate, ended].map((gate) => (gate.get(part) as Matrix).data);
        expect(relativeError(found, wanted), part).toBeLessThan(1e-2);
      }
      for (const [layer, { A }] of start.adapters) {
        const S = reference.spaceOf(layer);
        if (S && space && sideOfA(space) === 'input' && !isSoft(space)) {
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
      const examples = batches.flat();
      const finished = { sample: batches, singles: examples.map((row) => [row]), examples };
      const growths = await learner.endTask(finished);
      await reference.endTask(finished);
      const own = learner.state.tensors.filter(({ name }) => name.startsWith('method/'));
      expect(own.map(({ name }) => name).sort()).toEqual([...reference.methodTensors.keys()].sort());
      for (const { name, read } of own) {
        const wanted = reference.methodTensors.get(name) as Matrix;
        expect(relativeError(Float64Array.from(await read()), wanted.data), name).toBeLessThan(TOLERANCE.change);
      }
      const end = await readTrained(core);
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
      for (const [part, weight] of end.gate) {
        const error = changeError(weight, reference.gate.get(part) as Matrix, start.gate.get(part) as Matrix);
        expect(error, `gate ${part} after task ${task + 1}`).toBeLessThan(TOLERANCE.change);
        const saved = learner.state.tensors.find(({ name }) => name === `gate/space/${part}`);
        const wanted = reference.spaceOf(`gate ${part}`) as Matrix;
        expect(saved?.columns, `directions of gate ${part}`).toBe(wanted.columns);
        const S = matrix(wanted.rows, wanted.columns, (await saved?.read()) ?? []);
        const both = [S, wanted].map((one) => multiply(one, transpose(one)).data);
        expect(relativeError(both[0], both[1]), `space of gate ${part}`).toBeLessThan(TOLERANCE.change);
      }
      for (const { name: layer, total } of growths) {
        const wanted = reference.spaceOf(layer) as Matrix;
        if (space && !isSoft(space)) expect(total, layer).toBe(wanted.columns);
        const found = end.spaces.get(layer) as Matrix; // S Sᵀ
        expect(relativeError(found.data, multiply(wanted, transpose(wanted)).data), layer).toBeLessThan(
          TOLERANCE.change,
        );
      }
      expect(growths.length > 0).toBe(space !== undefined);
    }
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});

test.each(['inf-lora', 'osft'] as const)('%s refuses to train if the number of tasks is not known', async (name) => {
  const { method, training } = tinySettings(name);
  const model = tinyModel();
  const { network, targets } = openNetwork(device, model, training, await readTexts(model, training));
  const options = { seed: 1, maxGradNorm: MAX_GRAD_NORM, gradientAccumulation: 1 };
  const learner = await Learner.create(device, network, planOf(method), targets, options, (one) =>
    model.readTensor(one),
  );
  await expect(learner.beginTask(batchesOf(0))).rejects.toMatchObject({ code: 'settings/open-order' });
  learner.destroy();
  network.destroy();
});
