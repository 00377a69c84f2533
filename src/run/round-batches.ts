import type { Batch } from '../base/batch.ts';
import { chunks } from '../base/chunks.ts';
import { mixSeed, seededRandom, shuffled } from '../base/random.ts';
import { needsOf } from '../gorp/method-plan.ts';
import type { RememberedExample } from '../gorp/replay/plan.ts';
import { planOf } from '../methods/registry.ts';
import { sizedBatch, trainingOrder } from '../tasks/batches.ts';
import type { EncodedExample } from '../tasks/fit.ts';
import { withReplay } from '../tasks/replay.ts';
import { type Round, roundName } from './schedule.ts';
import { epochsOf, type RunSettings } from './settings.ts';
import { answersOfPrompt, type SpaceSamples } from './space-samples.ts';
import type { EncodedTask } from './encoded-task.ts';

/** What a round trains on, the examples of one task or of all tasks together, and their batches. */
export class RoundBatches {
  /** Name of what is learned. */
  readonly name: string;
  readonly examples: readonly EncodedExample[];
  readonly epochs: number;
  readonly #settings: RunSettings;
  readonly #round: number;
  readonly #samples: SpaceSamples;

  /** @param tasks all tasks of the order. */
  constructor(
    settings: RunSettings,
    tasks: readonly Pick<EncodedTask, 'name' | 'train'>[],
    { number, trains }: Round,
    samples: SpaceSamples,
  ) {
    this.#samples = samples;
    const learned = trains.map((task) => tasks[task]);
    this.name = roundName(settings, number);
    this.examples = learned.flatMap(({ train }) => train);
    this.epochs = epochsOf(
      settings,
      learned.map(({ name }) => name),
    );
    this.#settings = settings;
    this.#round = number;
  }

  /**
   * The batches of an epoch, including examples of earlier tasks if the method replays some.
   *
   * @param epoch from 0.
   * @param memory what the method remembers of earlier tasks.
   */
  ofEpoch(epoch: number, memory: readonly RememberedExample[]): Batch[] {
    const { seed, batchSize } = this.#settings.training;
    const shuffleSeed = mixSeed(seed, 'round', this.#round);
    const order = trainingOrder(this.examples, batchSize, shuffleSeed, epoch);
    const { replayShare } = needsOf(planOf(this.#settings.method));
    if (replayShare === undefined) return order.map((indexes) => this.#batch(this.examples, indexes));
    // New examples first, then those of the memory: rows are indexes into both.
    const both = [...this.examples, ...memory];
    const at = { new: 0, memory: this.examples.length };
    const tasks = memory.map(({ task }) => task);
    return withReplay(order, tasks, replayShare, shuffleSeed, epoch).map((mixed) =>
      this.#batch(
        both,
        mixed.map(({ from, index }) => at[from] + index),
      ),
    );
  }

  /** Batches of examples from all parts of the data, from whose inputs the task's space is built. */
  spaceSample(): Batch[] {
    return this.#sample(this.#samples.end);
  }

  /** The same for the beginning of the task: for adapters made from inputs, or only for learning rates. */
  beginSample(): Batch[] {
    return this.#sample(this.#samples.begin);
  }

  /** Batches of prompts, if a part of the method reads some. */
  prompts(): Batch[] {
    return this.#sample(needsOf(planOf(this.#settings.method)).prompts ?? 0);
  }

  #sample(most: number): Batch[] {
    return sampleBatches(this.examples, most, this.#settings.training, this.#samples);
  }

  /** Batches of one example each, drawn at random, for the pass over single examples that a method may ask for. */
  singles(): Batch[] {
    const random = seededRandom(mixSeed(this.#settings.training.seed, 'singles', this.#round));
    const drawn = shuffled([...this.examples.keys()], random);
    const { singles = 0 } = needsOf(planOf(this.#settings.method));
    return drawn.slice(0, singles).map((index) => this.#batch(this.examples, [index], 1));
  }

  #batch(
    examples: readonly EncodedExample[],
    indexes: readonly number[],
    rows = Math.min(this.#settings.training.batchSize, this.examples.length),
  ): Batch {
    const { sourceLength } = this.#settings.training;
    return sizedBatch(examples, indexes, { batchSize: rows, sourceLength });
  }
}

/**
 * Batches of examples from all parts of the data, at equal distances; those of similar length are together, so that
 * less is padding.
 *
 * @param most examples.
 */
export function sampleBatches(
  examples: readonly EncodedExample[],
  most: number,
  { batchSize, sourceLength }: Pick<RunSettings['training'], 'batchSize' | 'sourceLength'>,
  samples: SpaceSamples,
): Batch[] {
  const { length } = examples;
  const count = Math.min(most, length);
  const indexes = Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
  const tokensOf = (index: number): number => examples[index].source.length + examples[index].label.length;
  indexes.sort((a, b) => tokensOf(b) - tokensOf(a));
  const rows = Math.min(batchSize, length);
  const batches = chunks(indexes, batchSize).map((some) =>
    sizedBatch(examples, some, { batchSize: rows, sourceLength }),
  );
  if (!samples.hasSeveralAnswers) return batches;
  const labels = distinctLabels(examples);
  return batches.map((batch) => withAnswers(batch, labels, samples));
}

/** The different labels of examples, in order of appearance. */
const distinctLabels = (examples: readonly EncodedExample[]): readonly (readonly number[])[] => [
  ...new Map(examples.map(({ label }) => [label.join(), label])).values(),
];

/** The batch with several labels for each source: its own and those that follow it among all. */
function withAnswers(batch: Batch, labels: readonly (readonly number[])[], samples: SpaceSamples): Batch {
  const T = labels.reduce((longest, { length }) => Math.max(longest, length), 1);
  const answers = Math.min(labels.length, answersOfPrompt(samples, T));
  if (answers === 1) return batch;
  const rows = batch.rows.flatMap(({ source, label }) => {
    const own = labels.findIndex((one) => one.join() === label.join());
    return Array.from({ length: answers }, (_, i) => ({ source, label: labels[(own + i) % labels.length] }));
  });
  return { sizes: { ...batch.sizes, T, answers }, rows };
}
