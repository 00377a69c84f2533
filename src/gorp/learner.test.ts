import { type Batch, labelTokensOf } from '../base/batch.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Device } from '../device/device.ts';
import { parseT5Config, T5_TRAITS } from '../models/t5-config.ts';
import { T5Network } from '../models/t5-network.ts';
import { releasedCount } from '../testing/as-released.ts';
import { relativeError } from '../testing/compare.ts';
import { trace } from '../testing/matrices.ts';
import { goldenBatch, type GoldenTensor } from '../testing/golden.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { type ReferenceFolder, referencesWith } from '../testing/reference.ts';
import { readTrained, writePair } from '../testing/trained.ts';
import { Learner } from './learner.ts';
import { LearnerCore } from './learner/core.ts';
import * as blockPower from '../linear-algebra/block-power.ts';
import { columnSlice, type Matrix, matrix, subtract } from '../linear-algebra/matrix.ts';
import { T5_TARGETS } from '../models/targets.ts';
import { methodPreset, planOf } from '../methods/registry.ts';
import { MomentSpace } from './spaces/moment-space.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
  // With as many vectors as the smaller side, block power iteration is exact, as the reference's bases are.
  const widest = vi.spyOn(blockPower, 'sketchSize').mockImplementation((_, out, inputs) => Math.min(out, inputs));
  return () => widest.mockRestore();
});
afterAll(() => device.destroy());

/** Energy that spaces hold in the reference: {@link ContinualRun.config} says so in words. */
const THRESHOLD = 0.9;

interface ContinualRun {
  config: Record<string, number | string>;
  signfix: {
    tasks: { step_losses: number[]; grad_norms_before_clipping: number[]; space_ranks: Record<string, number> }[];
  };
}

const adapterName = (layer: string): string => `base_model.model.${layer}.loranew_A`;

describe.each(referencesWith('golden/continual', 'golden/t5-tiny'))(
  'two tasks on the GPU match those of $name',
  (reference) => {
    test('losses, gradient norms, trained tensors, ranks and spaces', async () => {
      const run = reference.json<ContinualRun>('golden/continual/run.json');
      const number = (name: string): number => Number(run.config[name]);
      const model = reference.tensors('golden/t5-tiny/model.safetensors');
      const init = reference.tensors('golden/continual/init.safetensors');
      const expected = reference.tensors('golden/continual/expected.safetensors');
      const get = (tensors: Map<string, GoldenTensor>, name: string): GoldenTensor => {
        const tensor = tensors.get(name);
        if (tensor === undefined) throw new Error(`no ${name} in the reference`);
        return tensor;
      };
      const asMatrix = ({ shape, data }: GoldenTensor): Matrix => matrix(shape[0], shape[1], data);
      const batches = [1, 2].map((task) => readBatches(reference, task, number('micro_batches_per_task')));

      const config = parseT5Config(T5_TRAITS, reference.json('golden/t5-tiny/config.json'));
      const network = new T5Network(device, config, 64);
      const method = {
        ...methodPreset('gorp'),
        clipNorm: 'exact' as const,
        loraRank: number('r'),
        loraAlpha: number('lora_alpha'),
        loraDropout: number('lora_dropout'),
        learningRate: number('learning_rate'),
        galoreLearningRate: number('galore_lr'),
        galoreRank: number('galore_rank'),
        galoreScale: number('galore_scale'),
        updateProjGap: number('galore_update_proj_gap'),
      };
      const core = await LearnerCore.load(
        device,
        network,
        planOf(method),
        T5_TARGETS,
        { seed: 1, maxGradNorm: number('max_grad_norm'), gradientAccumulation: 1 },
        (name) => Promise.resolve(get(model, name).data as Float32Array),
      );
      const learner = new Learner(core);
      for (const [t, golden] of run.signfix.tasks.entries()) {
        const task = t + 1;
        await learner.beginTask();
        const before = await readTrained(core);
        for (const layer of before.adapters.keys()) {
          const pair = ['A', 'B'].map((ab) =>
            asMatrix(get(init, `task${task}/base_model.model.${layer}.loranew_${ab}.weight`)),
          );
          writePair(core, layer, { A: pair[0], B: pair[1] });
        }
        const accumulation = number('gradient_accumulation_steps');
        for (let epoch = 0; epoch < number('num_train_epochs'); epoch++) {
          for (let i = 0; i < batches[t].length; i += accumulation)
            await learner.step([joined(batches[t].slice(i, i + accumulation))]);
        }
        const records = await learner.takeRecords();
        expect(records.length).toBe(golden.step_losses.length);
        records.forEach((record, step) => {
          expect(Math.abs(record.loss / golden.step_losses[step] - 1), `loss of step ${step}`).toBeLessThan(5e-4);
          const norm = golden.grad_norms_before_clipping[step];
          expect(Math.abs(record.gradientNorm / norm - 1), `gradient norm of step ${step}`).toBeLessThan(5e-3);
        });
        const growths = await learner.endTask({ sample: [] });
        if (task === 1) for (const { name, spectrum } of growths) keepAsReleased(core, name, spectrum);
        const after = await readTrained(core);
        const finals = `signfix/task${task}/final`;
        for (const [layer, { A, B }] of after.adapters) {
          for (const [ab, value] of [
            ['A', A],
            ['B', B],
          ] as const) {
            const name = `base_model.model.${layer}.loranew_${ab}.weight`;
            const start = get(init, `task${task}/${name}`).data;
            const change = (x: ArrayLike<number>): Float64Array => Float64Array.from(x, (v, i) => v - start[i]);
            expect(
              relativeError(change(value.data), change(get(expected, `${finals}/${name}`).data)),
              name,
            ).toBeLessThan(2e-2);
          }
        }
        for (const [layer, W] of after.weights) {
          const start = before.weights.get(layer) as Matrix;
          const wanted = subtract(asMatrix(get(expected, `${finals}/${layer}.weight`)), start);
          expect(relativeError(subtract(W, start).data, wanted.data), layer).toBeLessThan(2e-2);
        }
        const spaceName = (layer: string): string => (after.adapters.has(layer) ? adapterName(layer) : layer);
        for (const growth of growths) {
          const space = after.spaces.get(growth.name) as Matrix; // S Sᵀ
          expect(trace(space), `rank of ${growth.name}`).toBeCloseTo(golden.space_ranks[spaceName(growth.name)], 4);
          const projector = get(expected, `signfix/task${task}/space_projector/${spaceName(growth.name)}`).data;
          const difference = space.data.map((x, i) => x - projector[i]);
          expect(Math.hypot(...difference), `space of ${growth.name}`).toBeLessThan(2e-2);
        }
        expect(growths.length).toBe(Object.keys(golden.space_ranks).length);
      }
      learner.destroy();
      network.destroy();
      expect(device.buffers.liveLabels).toEqual([]);
    });
  },
);

/**
 * The micro-batches of a step as one batch. The reference averages their mean losses, as the released code does. A mean
 * over label tokens is the same once rows are repeated until all micro-batches have as many tokens, which changes none
 * of their means.
 */
function joined(batches: readonly Batch[]): Batch {
  const common = batches.map(labelTokensOf).reduce((a, b) => (a * b) / greatestDivisor(a, b));
  return batches.flatMap((batch) => Array.from({ length: common / labelTokensOf(batch) }, () => batch)).flat();
}

/** Leaves a space after the first task only the directions of the released rule, which the reference follows. */
function keepAsReleased({ groups }: LearnerCore, name: string, spectrum: readonly number[]): void {
  const group = groups.find(({ layers }) => layers.names.includes(name));
  if (!(group?.space instanceof MomentSpace)) throw new Error(`${name} has no space`);
  const { spaces } = group.space;
  spaces.set(name, columnSlice(spaces.get(name) as Matrix, 0, releasedCount(spectrum, THRESHOLD)));
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

function readBatches(reference: ReferenceFolder, task: number, count: number): Batch[] {
  const tensors = reference.tensors('golden/continual/batches.safetensors');
  return Array.from({ length: count }, (_, i) => {
    const part = (name: string): GoldenTensor => tensors.get(`task${task}/batch${i}/${name}`) as GoldenTensor;
    return goldenBatch(part('input_ids'), part('attention_mask'), part('labels'));
  });
}
