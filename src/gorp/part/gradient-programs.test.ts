import type { Batch } from '../../base/batch.ts';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Device } from '../../device/device.ts';
import { parseT5Config, T5_TRAITS } from '../../models/t5-config.ts';
import { T5Network } from '../../models/t5-network.ts';
import { acquireTestDevice } from '../../testing/devices.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { PROGRAM_LIMIT } from './gradient-programs.ts';
import { Learner, type LearnerOptions } from '../learner.ts';
import { LearnerCore } from '../learner/core.ts';
import { LearnerPrograms, takeRecords, takeStep } from '../learner/step.ts';
import { T5_TARGETS } from '../../models/targets.ts';
import { methodPreset, planOf } from '../../methods/registry.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** B examples of up to S and T tokens. */
function batchOf({ B, S, T }: { B: number; S: number; T: number }): Batch {
  const ids = (length: number, row: number): number[] => Array.from({ length }, (_, i) => 3 + ((7 * row + 3 * i) % 10));
  return Array.from({ length: B }, (_, row) => ({
    source: ids(1 + ((S - 1) >> (row % 2)), row),
    label: ids(T, row + 1),
  }));
}

/** A learner on a T5 of four blocks with its parts; `end` frees it and its network and checks that nothing is left. */
async function learnerOf(
  options: Partial<LearnerOptions>,
): Promise<{ core: LearnerCore; learner: Learner; end: () => void }> {
  const model = tinyModel({ num_layers: 4, num_decoder_layers: 2 });
  const network = new T5Network(device, parseT5Config(T5_TRAITS, model.config), 64);
  const method = { ...methodPreset('gorp'), loraRank: 4, galoreRank: 4, updateProjGap: 2, learningRate: 0.01 };
  const core = await LearnerCore.load(
    device,
    network,
    planOf(method),
    T5_TARGETS,
    { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, ...options },
    (name) => model.readTensor(name),
  );
  const learner = new Learner(core);
  await learner.beginTask();
  const end = (): void => {
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  };
  return { core, learner, end };
}

const slotBytes = (): number =>
  device.buffers.live
    .filter(({ label }) => label.startsWith('gradients slot'))
    .reduce((sum, { bytes }) => sum + bytes, 0);

describe('recomputation of activations', () => {
  test('gives the same losses, norms and state bit for bit in less memory, even with dropout', async () => {
    const runs = [];
    for (const recompute of [false, true]) {
      const { learner, end } = await learnerOf({ recompute });
      const batch = batchOf({ B: 4, S: 48, T: 5 });
      for (let step = 0; step < 3; step++) await learner.step([batch]);
      const records = await learner.takeRecords();
      const state = learner.state.tensors.map(async ({ name, read }) => [name, await read()] as const);
      runs.push({ records, state: new Map(await Promise.all(state)), bytes: slotBytes() });
      end();
    }
    const [left, again] = runs;
    expect(again.records).toEqual(left.records);
    expect(left.state.size).toBeGreaterThan(0);
    expect(again.state).toEqual(left.state);
    expect(again.bytes).toBeLessThan(left.bytes * 0.7);
    expect(left.records.every(({ loss, gradientNorm }) => loss > 0 && gradientNorm > 0)).toBe(true);
  });
});

describe('programs of many batch shapes', () => {
  test('share the memory of the largest, and only the latest stay compiled', async () => {
    const { core, end } = await learnerOf({});
    const { network } = core;
    const programs = new LearnerPrograms(core);
    const sized = (i: number): Batch => batchOf({ B: 2, S: 16 * (1 + (i % 7)), T: 2 ** Math.floor(i / 7) });
    const max = PROGRAM_LIMIT + 3;
    await programs.gradients([network.sizes(batchOf({ B: 2, S: 112, T: 32 }))], 'gradients');
    const largest = slotBytes();
    for (let i = 0; i < max; i++) await programs.gradients([network.sizes(sized(i))], 'gradients');
    const compiled = device.buffers.liveLabels.filter((label) => /^gradients \d.* parameters$/.test(label));
    expect(compiled).toHaveLength(PROGRAM_LIMIT);
    // Slots are shared by size, and a smaller shape may have a larger one among its small ones.
    expect(slotBytes() / largest).toBeLessThan(1.01);
    // An evicted program is compiled again and computes as before.
    const first = sized(0);
    await takeStep(core, programs, [first], 1);
    const [{ loss }] = await takeRecords(core);
    programs.drop();
    end();
    const alone = await learnerOf({});
    await alone.learner.step([first]);
    expect((await alone.learner.takeRecords())[0].loss).toBe(loss);
    alone.end();
  });

  test('each is compiled once, even if the largest comes last', async () => {
    const batches = [5, 11, 3, 11, 40, 5, 3, 40].map((S) => batchOf({ B: 2, S, T: S % 3 === 0 ? 4 : 2 }));
    const compilations = async (reserves: boolean): Promise<string[]> => {
      const { core, learner, end } = await learnerOf({});
      const record = vi.spyOn(device, 'record');
      if (reserves) await learner.reserve(batches);
      expect(record).not.toHaveBeenCalled();
      const bytes = slotBytes();
      for (const rows of batches) await learner.step([rows]);
      const names = record.mock.calls.map(([name]) => name).filter((name) => /^(gradients|refresh) /.test(name));
      record.mockRestore();
      if (reserves) expect(slotBytes()).toBe(bytes);
      expect(core.progress.step).toBe(batches.length);
      end();
      return names;
    };
    const [once, again] = [await compilations(true), await compilations(false)];
    expect(new Set(once).size).toBe(once.length);
    expect(again.length).toBeGreaterThan(once.length);
    expect(new Set(again)).toEqual(new Set(once));
  });

  test('a larger shape among micro-batches takes new memory, which the smaller one uses too', async () => {
    const losses: number[] = [];
    const [small, large] = [batchOf({ B: 1, S: 3, T: 1 }), batchOf({ B: 4, S: 40, T: 4 })];
    for (const order of [
      [small, large],
      [large, small],
    ]) {
      const { learner, end } = await learnerOf({ gradientAccumulation: 2 });
      await learner.step(order);
      losses.push((await learner.takeRecords())[0].loss);
      end();
    }
    expect(losses[0]).toBeCloseTo(losses[1], 5);
    expect(losses[0]).toBeGreaterThan(0);
  });
});
