import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { BENCHMARK_KINDS, EMBEDDED_KINDS, EMBEDDED_ORDER, PUBLISHED_ORDERS, type RoundSettings } from './orders.ts';

interface ReferenceRound {
  [name: string]: unknown;
  task: string;
  dataset: string;
  devices: number;
  gradient_accumulation_steps: number;
  global_batch_size: number;
  tests_after_round: { task: string; dataset: string }[];
}
interface ReferenceOrder {
  family: string;
  order: number;
  sequence: string[];
  rounds: ReferenceRound[];
}

/** Names in cl-benchmark/ORDERS.json. Accumulation is compared through the number of examples per step. */
const NAMES: Record<Exclude<keyof RoundSettings, 'gradientAccumulation'>, string> = {
  seed: 'seed',
  epochs: 'num_train_epochs',
  batchSize: 'per_device_train_batch_size',
  evaluationBatchSize: 'per_device_eval_batch_size',
  sourceLength: 'max_source_length',
  targetLength: 'max_target_length',
  maxGradNorm: 'max_grad_norm',
  learningRate: 'learning_rate',
  loraRank: 'lora_r',
  loraAlpha: 'lora_alpha',
  loraDropout: 'lora_dropout',
  galoreRank: 'galore_rank',
  galoreLearningRate: 'galore_lr',
  galoreScale: 'galore_scale',
  updateProjGap: 'galore_update_proj_gap',
};

const ORDERS = 'cl-benchmark/ORDERS.json';

describe.each(referencesWith(ORDERS))('PUBLISHED_ORDERS against $name', (folder) => {
  const reference = Object.values(folder.json<{ orders: Record<string, ReferenceOrder> }>(ORDERS).orders);

  it('match the orders of the reference, in sequence', () => {
    const names = (orders: readonly { family: string; order: number }[]) =>
      orders.map((one) => [one.family, one.order]);
    expect(names(PUBLISHED_ORDERS.filter(({ benchmark }) => benchmark === 'CL_Benchmark'))).toEqual(names(reference));
  });

  it.each(reference)('$family $order has the datasets and hyper-parameters of every round', (expected) => {
    const found = PUBLISHED_ORDERS.find((one) => one.family === expected.family && one.order === expected.order);
    expect(found?.rounds.map(({ dataset }) => dataset)).toEqual(expected.sequence);
    for (const [i, round] of expected.rounds.entries()) {
      const { dataset, kind, settings } = found?.rounds[i] ?? {};
      const { gradientAccumulation, ...others } = settings ?? ({} as Partial<RoundSettings>);
      expect([kind, dataset]).toEqual([round.task, round.dataset]);
      expect((settings?.batchSize ?? 0) * (gradientAccumulation ?? 0)).toBe(round.global_batch_size);
      expect([undefined, 'std'], 'the only basis that methods have').toContain(round['galore_proj_type']);
      expect(others).toEqual(Object.fromEntries(Object.entries(NAMES).map(([ours, theirs]) => [ours, round[theirs]])));
    }
  });

  it.each(reference)('$family $order is tested after each round on all tasks so far, as in a run', ({ rounds }) => {
    for (const [i, round] of rounds.entries()) {
      const tested = round.tests_after_round.map(({ dataset }) => dataset).sort();
      expect(tested).toEqual(
        rounds
          .slice(0, i + 1)
          .map(({ dataset }) => dataset)
          .sort(),
      );
    }
  });
});

describe('kinds', () => {
  it('are known for every dataset of every order, and no name means two tasks', () => {
    for (const { rounds } of PUBLISHED_ORDERS) for (const { kind } of rounds) expect(kind).toEqual(expect.any(String));
    for (const name of EMBEDDED_ORDER) expect(EMBEDDED_KINDS[name]).toBe('TC');
    expect(Object.keys(EMBEDDED_KINDS).filter((name) => name in BENCHMARK_KINDS)).toEqual([]);
  });
});
