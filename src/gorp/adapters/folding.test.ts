import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Batch } from '../../base/batch.ts';
import { seededRandom } from '../../base/random.ts';
import type { Device } from '../../device/device.ts';
import { type MethodName, planOf } from '../../methods/registry.ts';
import { frozenPacking } from '../../run/models/frozen-weights.ts';
import type { Network } from '../../models/network.ts';
import { readValues } from '../../run/evaluation/decoding.ts';
import { Evaluations } from '../../run/evaluation/evaluation-programs.ts';
import { openNetwork, readTexts } from '../../run/models/open-network.ts';
import { TESTED_DEVICES } from '../../testing/devices.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { TESTS_ALL } from '../../testing/tier.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { mergedWeights } from '../../weights/exports/merge.ts';
import { Learner } from '../learner.ts';
import type { MethodPlan } from '../part/method-plan.ts';
import type { SavedState, StateMatrix } from '../part/state.ts';

const TASKS = 4;
/** Two pairs of 16 × 16 weights take more numbers than these, one does not. */
const RANK = 5;
/** Errors of f32 sums in another order; Adam divides small gradients by themselves. */
const TOLERANCE = { loss: 2e-5, weights: 1e-4 };

function batchesOf(task: number): Batch[] {
  const random = seededRandom(task);
  const ids = (count: number): number[] => Array.from({ length: count }, () => 3 + Math.floor(random.next() * 10));
  return Array.from({ length: 3 }, () => [8, 5].map((length) => ({ source: ids(length), label: [...ids(1), 1] })));
}

/** The same method with all pairs kept one by one. */
const unfolded = ({ schedule, parts }: MethodPlan): MethodPlan => ({
  schedule,
  parts: parts.map((part) => ({ ...part, needs: { ...part.needs, earlierPairs: true } })),
});

interface Taught {
  readonly losses: number[];
  /** The loss of a batch after each task, as tests read the model. */
  readonly tested: number[];
  /** After each task. */
  readonly states: (SavedState & { readonly bytes: number })[];
}

/**
 * Teaches tasks one after another.
 *
 * @param from a saved state to begin from, or whether each task begins from that of the one before.
 */
async function teach(
  device: Device,
  plan: MethodPlan,
  packed: boolean,
  from: boolean | SavedState = false,
): Promise<Taught> {
  const { training } = tinySettings('inc-lora');
  const model = tinyModel();
  const { network, targets } = openNetwork(device, model, training, await readTexts(model, training));
  const options = {
    seed: 1,
    maxGradNorm: 1,
    gradientAccumulation: 1,
    tasks: TASKS,
    packing: (name: string) =>
      packed ? frozenPacking('8-bit', name, network.shapes.get(name) ?? [], 'F32') : undefined,
  };
  const open = (): Promise<Learner> =>
    Learner.create(device, network, plan, targets, options, (name) => model.readTensor(name));
  let learner = await open();
  try {
    if (typeof from === 'object') await learner.restore(from);
  } catch (error) {
    learner.destroy();
    network.destroy();
    throw error;
  }
  const taught: Taught = { losses: [], tested: [], states: [] };
  for (let task = 1; task <= TASKS; task++) {
    const before = taught.states.at(-1);
    if (from === true && before) {
      learner.destroy();
      learner = await open();
      await learner.restore(before);
    }
    const sample = batchesOf(task);
    await learner.beginTask(sample);
    for (const batch of sample) await learner.step([batch]);
    taught.losses.push(...(await learner.takeRecords()).map(({ loss }) => loss));
    await learner.endTask({ sample, examples: sample.flat() });
    taught.tested.push(await lossOf(device, network, learner, batchesOf(1)[0]));
    const { progress, tensors } = learner.state;
    const read = new Map<string, StateMatrix>();
    for (const { name, rows, columns, read: of } of tensors) read.set(name, { rows, columns, data: await of() });
    const ofPairs = tensors.filter(({ place }) => place !== 'earlier');
    taught.states.push({
      progress,
      tensors: { names: [...read.keys()], read: (name) => Promise.resolve(read.get(name)) },
      bytes: ofPairs.reduce((sum, { rows, columns }) => sum + 4 * rows * columns, 0),
    });
  }
  learner.destroy();
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
  return taught;
}

async function lossOf(device: Device, network: Network, { layers }: Learner, rows: Batch): Promise<number> {
  const programs = new Evaluations(device, network, layers, 1);
  const { batch, forward, loss } = await programs.lossOf(programs.sizes(rows));
  batch.write(rows);
  await device.run([forward.program]);
  const [value] = await readValues(device, forward, loss, Float32Array);
  programs.destroy();
  return value;
}

/** The weights of all layers with pairs, as exports write them. */
async function exported({ tensors }: SavedState, scaling: number): Promise<Map<string, Float32Array>> {
  const layers = new Set(
    tensors.names.flatMap((name) => /^(.*SelfAttention\.[qv])\.(?:lora_A\.)?weight$/.exec(name)?.[1] ?? []),
  );
  const of = async (name: string): Promise<Float32Array | undefined> =>
    (await tensors.read(name))?.data as Float32Array | undefined;
  const model = tinyModel();
  const merged = new Map<string, Float32Array>();
  for (const layer of layers) {
    const info = model.tensors.get(`${layer}.weight`);
    if (info === undefined) throw new Error(`no ${layer}`);
    const [A, B] = [await of(`${layer}.lora_A.weight`), await of(`${layer}.lora_B.weight`)];
    merged.set(
      layer,
      await mergedWeights(model, info, {
        scaling,
        adapter: () => Promise.resolve(A && B && { A, B }),
        weights: () => of(`${layer}.weight`),
      }),
    );
  }
  return merged;
}

/** Methods with a pair per task that let them fold: `lwf` asks the model before the task too. */
const QUICK: readonly MethodName[] = ['gorp-plus', 'lwf'];
const METHODS: readonly MethodName[] = TESTS_ALL ? [...QUICK, 'inc-lora', 'gorp', 'inf-lora', 'n-lora'] : QUICK;

describe.each(TESTED_DEVICES)('pairs folded into the weights, on $name', ({ name: on, acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterEach(() => device.buffers.destroyAll());
  afterAll(() => device.destroy());

  test.each([
    ...(on === 'WebGPU' ? [] : METHODS).map((name) => ({ name, packed: false })),
    { name: 'inc-lora' as const, packed: true },
  ])('$name computes what it computes with all pairs (8-bit weights: $packed)', async ({ name, packed }) => {
    const { method } = tinySettings(name, {}, { loraRank: RANK, loraDropout: 0, galoreRank: 2 });
    const plan = planOf(method);
    const scaling = Number(method.loraAlpha) / RANK;
    const [folded, whole] = [await teach(device, plan, packed), await teach(device, unfolded(plan), packed)];
    folded.losses.forEach((loss, step) => {
      expect(Math.abs(loss / whole.losses[step] - 1), `loss of step ${step}`).toBeLessThan(TOLERANCE.loss);
    });
    folded.tested.forEach((loss, task) => {
      expect(Math.abs(loss / whole.tested[task] - 1), `test after task ${task + 1}`).toBeLessThan(TOLERANCE.loss);
    });
    // The second pair makes them more than the weights, which they become; nothing grows from then on.
    const [first, ...later] = folded.states.map(({ bytes }) => bytes);
    expect(new Set(later).size).toBe(1);
    expect(later[0]).toBeLessThan(2 * first);
    expect(whole.states.map(({ bytes }) => bytes)).toEqual([...new Set(whole.states.map(({ bytes }) => bytes))]);
    await expect(teach(device, unfolded(plan), packed, folded.states[1])).rejects.toMatchObject({
      code: 'run/adapters-folded',
    });
    if (packed) return; // exports begin from the weights before they were packed
    for (const [task, state] of folded.states.entries()) {
      const wanted = await exported(whole.states[task], scaling);
      for (const [layer, W] of await exported(state, scaling)) {
        const most = Math.max(...W.map((value, i) => Math.abs(value - (wanted.get(layer)?.[i] ?? NaN))));
        expect(most, `${layer} after task ${task + 1}`).toBeLessThan(TOLERANCE.weights);
      }
    }
  });

  if (on === 'WebGPU') return;
  test('taught on from its saved state, it has the losses of one run, bit for bit', async () => {
    const { method } = tinySettings('gorp-plus', {}, { loraRank: RANK, galoreRank: 2 });
    const [once, resumed] = [
      await teach(device, planOf(method), false),
      await teach(device, planOf(method), false, true),
    ];
    expect(resumed.losses).toEqual(once.losses);
    expect(resumed.states.map(({ bytes }) => bytes)).toEqual(once.states.map(({ bytes }) => bytes));
  });
});
