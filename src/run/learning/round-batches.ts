import type { Batch } from '../../base/batch.ts';
import { mixSeed, seededRandom, shuffled } from '../../base/random.ts';
import { needsOf } from '../../gorp/method-plan.ts';
import type { RememberedExample } from '../../gorp/replay/plan.ts';
import { planOf } from '../../methods/registry.ts';
import { chainsOf, trainingOrder } from '../../tasks/batches.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { withReplay } from '../../tasks/replay.ts';
import { type Round, roundName } from '../settings/schedule.ts';
import { epochsOf, type RunSettings } from '../settings/settings.ts';
import { sampleBatches, type SpaceSamples } from '../tasks/space-samples.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';

/** What a round trains on, the examples of one task or of all tasks together, and their batches. */
export class RoundBatches {
  /** Name of what is learned. */
  readonly name: string;
  readonly examples: readonly EncodedExample[];
  readonly epochs: number;
  readonly #settings: RunSettings;
  readonly #round: number;
  readonly #samples: SpaceSamples;
  readonly #chains: readonly (readonly number[])[] | undefined;

  /**
   * @param tasks all tasks of the order.
   * @param readsOnce whether the model reads once what examples of a batch begin with.
   */
  constructor(
    settings: RunSettings,
    tasks: readonly Pick<EncodedTask, 'name' | 'train'>[],
    { number, trains }: Round,
    samples: SpaceSamples,
    readsOnce = false,
  ) {
    this.#samples = samples;
    const learned = trains.map((task) => tasks[task]);
    this.name = roundName(settings, number);
    this.examples = learned.flatMap(({ train }) => train);
    this.#chains = readsOnce ? chainsOf(this.examples) : undefined;
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
    const { seed, batchSize, groupByLength } = this.#settings.training;
    const shuffleSeed = mixSeed(seed, 'round', this.#round);
    const drawing = { batchSize, seed: shuffleSeed, groupByLength: groupByLength === 'on' };
    const order = trainingOrder(this.examples, drawing, epoch, this.#chains);
    const { replayShare } = needsOf(planOf(this.#settings.method));
    if (replayShare === undefined) return order.map((indexes) => indexes.map((index) => this.examples[index]));
    // New examples first, then those of the memory: rows are indexes into both.
    const both = [...this.examples, ...memory];
    const at = { new: 0, memory: this.examples.length };
    const tasks = memory.map(({ task }) => task);
    return withReplay(order, tasks, replayShare, shuffleSeed, epoch).map((mixed) =>
      mixed.map(({ from, index }) => both[at[from] + index]),
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
    return drawn.slice(0, singles).map((index) => [this.examples[index]]);
  }
}
