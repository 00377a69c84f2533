import { needsOf } from '../part/method-plan.ts';
import type { Batch } from '../../base/batch.ts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import type { Device } from '../../device/device.ts';
import { type Matrix, subtract } from '../../linear-algebra/matrix.ts';
import { METHOD_NAMES, type MethodName, planOf } from '../../methods/registry.ts';
import { openNetwork, readTexts } from '../../run/models/open-network.ts';
import { relativeError } from '../../testing/compare.ts';
import { TESTED_DEVICES } from '../../testing/devices.ts';
import { TESTS_ALL } from '../../testing/tier.ts';
import { TINY_FAMILIES } from '../../testing/tiny-families.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { readTrained, type Trained } from '../../testing/trained.ts';
import { Learner } from '../learner.ts';
import { LearnerCore } from './core.ts';
import type { StepRecord } from './step.ts';

const LENGTHS = { sourceLength: 24, targetLength: 40 };
/** Errors of sums in another order, in f32. Adam divides small gradients by themselves, so that they count like large ones. */
const TOLERANCE = { loss: 1e-5, norm: 1e-4, change: 1e-2 };

/** Steps of two micro-batches: one label token and a hundred, then ten and seven. */
const STEPS: readonly (readonly (readonly number[])[])[] = [
  [[1], [40, 38, 22]],
  [[4, 6], [7]],
];

/** The micro-batches of each step of a task, of random tokens. */
function microBatches(task: number): Batch[][] {
  const random = seededRandom(task);
  const ids = (count: number): number[] => Array.from({ length: count }, () => 3 + Math.floor(random.next() * 10));
  return STEPS.map((step) =>
    step.map((labels) => labels.map((length, row) => ({ source: ids(9 - row), label: ids(length) }))),
  );
}

/** The record of two tasks: loss and norm of every step, and what each task changed. */
interface Learned {
  readonly records: StepRecord[];
  readonly changes: { readonly name: string; readonly before: Matrix; readonly after: Matrix }[];
}

const tensorsOf = ({ adapters, weights, gate }: Trained): Map<string, Matrix> =>
  new Map([
    ...[...adapters].flatMap(([name, { A, B }]) => [[`A of ${name}`, A] as const, [`B of ${name}`, B] as const]),
    ...[...weights].map(([name, W]) => [`W of ${name}`, W] as const),
    ...[...gate].map(([name, W]) => [`gate ${name}`, W] as const),
  ]);

async function learn(
  device: Device,
  name: MethodName,
  family: string,
  gradientAccumulation: number,
  asSteps: (micro: readonly Batch[]) => readonly Batch[],
): Promise<Learned> {
  const { method, training } = tinySettings(name, LENGTHS, { clipNorm: 'projected', loraDropout: 0, galoreRank: 2 });
  const model = TINY_FAMILIES.find((one) => one.family === family)?.open();
  if (model === undefined) throw new Error(`no family ${family}`);
  const byPrompt = needsOf(planOf(method)).byPrompt !== undefined;
  const { network, targets } = openNetwork(device, model, { ...training, byPrompt }, await readTexts(model, training));
  const options = { seed: 1, maxGradNorm: 1, gradientAccumulation, tasks: 2 };
  const core = await LearnerCore.load(device, network, planOf(method), targets, options, (parameter) =>
    model.readTensor(parameter),
  );
  const learner = new Learner(core);
  const learned: Learned = { records: [], changes: [] };
  for (const task of [1, 2]) {
    const steps = microBatches(task);
    const sample = steps.flat();
    await learner.beginTask(sample);
    const before = tensorsOf(await readTrained(core));
    for (const micro of steps) await learner.step(asSteps(micro));
    learned.records.push(...(await learner.takeRecords()));
    const examples = sample.flat();
    await learner.endTask({ sample, singles: examples.map((row) => [row]), examples });
    const after = tensorsOf(await readTrained(core));
    for (const [key, value] of after)
      learned.changes.push({ name: key, before: before.get(key) as Matrix, after: value });
  }
  learner.destroy();
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
  return learned;
}

/** One method for each way in which a step uses gradients and outputs. */
const KINDS: readonly MethodName[] = ['gorp-plus', 'gorp', 'lwf', 'migu', 'gain-lora', 'gpm'];
const CASES = [
  ...METHOD_NAMES.filter((method) => TESTS_ALL || KINDS.includes(method)).map((method) => ({
    device: 'WebAssembly',
    family: 't5-tiny',
    method,
  })),
  { device: 'WebAssembly', family: 'llama-tiny', method: 'lwf' },
  { device: 'WebAssembly', family: 't5-v1_1-tiny', method: 'gorp-plus' }, // its bases are left vectors
  { device: 'WebGPU', family: 't5-tiny', method: 'galore' },
] as const;

describe.each(TESTED_DEVICES)('gradient accumulation on $name', ({ name, acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterEach(() => device.buffers.destroyAll());
  afterAll(() => device.destroy());

  test.each(CASES.filter((one) => one.device === name))(
    '$method on $family: micro-batches with 1 and 100 label tokens are one batch, also as a shorter step',
    async ({ family, method }) => {
      const whole = await learn(device, method, family, 1, (micro) => [micro.flat()]);
      const parts = await learn(device, method, family, 3, (micro) => micro);
      expect(parts.records).toHaveLength(4);
      for (const [step, { loss, gradientNorm, layers }] of parts.records.entries()) {
        const wanted = whole.records[step];
        for (const [i, { name: layer, projectedAway }] of layers.entries()) {
          const share = wanted.layers[i].projectedAway;
          expect(projectedAway === null, layer).toBe(share === null);
          expect(projectedAway ?? 0, `share of ${layer} in step ${step}`).toBeCloseTo(share ?? 0, 3);
        }
        expect(Math.abs(loss / wanted.loss - 1), `loss of step ${step}`).toBeLessThan(TOLERANCE.loss);
        expect(Math.abs(gradientNorm / wanted.gradientNorm - 1), `norm of step ${step}`).toBeLessThan(TOLERANCE.norm);
      }
      expect(parts.changes.map((one) => one.name)).toEqual(whole.changes.map((one) => one.name));
      for (const [i, { name: tensor, before, after }] of parts.changes.entries()) {
        const wanted = whole.changes[i];
        const error = relativeError(subtract(after, before).data, subtract(wanted.after, wanted.before).data);
        expect(error, tensor).toBeLessThan(TOLERANCE.change);
      }
    },
  );
});
