import type { Batch } from '../../base/batch.ts';
import { mixSeed, type Random, seededRandom, shuffled } from '../../base/random.ts';
import { needsOf, type RememberedExample } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import type { Network } from '../../models/network.ts';
import { chainsOf, trainingOrder } from '../../tasks/batches.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { type Round, roundName } from '../settings/schedule.ts';
import { epochsOf, type RunSettings } from '../settings/settings.ts';
import type { EncodedTask } from './encoded-task.ts';
import { sampleBatches, type SpaceSamples } from './space-samples.ts';

/** A row of a batch: the index of a new example, or of one in the memory. */
interface MixedRow {
  readonly from: 'new' | 'memory';
  readonly index: number;
}

/**
 * Replaces a share of every batch by examples of earlier tasks, so that the number of steps and examples stays the
 * same. Each epoch draws again which new examples are replaced. Old examples come evenly from all earlier tasks; no
 * example of a task repeats before all have been seen.
 *
 * The share is exact over all batches so far, to within one row; with batches of one row, some batches are old.
 *
 * @param batches batches of new examples from `trainingOrder`.
 * @param tasks task of each example in the memory.
 * @param share share of old rows, in [0, 1).
 */
export function withReplay(
  batches: readonly (readonly number[])[],
  tasks: readonly number[],
  share: number,
  seed: number,
  epoch: number,
): MixedRow[][] {
  const fresh = (index: number): MixedRow => ({ from: 'new', index });
  if (tasks.length === 0 || share === 0) return batches.map((batch) => batch.map(fresh));
  const random = seededRandom(mixSeed(seed, 'replay', epoch));
  const old = inTurn(tasks, random);
  let seen = 0;
  return batches.map((batch) => {
    const count = Math.floor((seen + batch.length) * share) - Math.floor(seen * share);
    seen += batch.length;
    const leaves = new Set(shuffled([...batch.keys()], random).slice(0, count));
    return batch.map((index, row) => (leaves.has(row) ? { from: 'memory', index: old() } : fresh(index)));
  });
}

/** An endless sequence of examples that cycles through the tasks. */
function inTurn(tasks: readonly number[], random: Random): () => number {
  const decks = [...new Set(tasks)].map((task) => {
    const own = [...tasks.keys()].filter((i) => tasks[i] === task);
    return { own, left: [] as number[] };
  });
  let turn = random.below(decks.length);
  return () => {
    const deck = decks[turn++ % decks.length];
    if (deck.left.length === 0) deck.left = shuffled(deck.own, random);
    return deck.left.pop() as number;
  };
}

/** The examples that a round trains on, of one task or of all tasks together, and their batches. */
export class RoundBatches {
  /** Name of what is learned. */
  readonly name: string;
  readonly examples: readonly EncodedExample[];
  readonly epochs: number;
  readonly #settings: RunSettings;
  readonly #round: number;
  readonly #samples: SpaceSamples;
  readonly #chains: readonly (readonly number[])[] | undefined;
  readonly #tokensIn: (rows: Batch) => number;

  /**
   * @param tasks all tasks of the order.
   * @param network reads the batches: one that sees whole texts reads once what they begin with.
   */
  constructor(
    settings: RunSettings,
    tasks: readonly Pick<EncodedTask, 'name' | 'train'>[],
    { number, trains }: Round,
    samples: SpaceSamples,
    network: Pick<Network, 'sharesBeginnings' | 'tokensIn'>,
  ) {
    this.#samples = samples;
    const learned = trains.map((task) => tasks[task]);
    this.name = roundName(settings, number);
    this.examples = learned.flatMap(({ train }) => train);
    this.#chains = network.sharesBeginnings ? chainsOf(this.examples) : undefined;
    this.#tokensIn = (rows) => network.tokensIn(rows);
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
    const { seed, batchSize, batchTokens, groupByLength } = this.#settings.training;
    const shuffleSeed = mixSeed(seed, 'round', this.#round);
    const drawing = {
      batchSize,
      seed: shuffleSeed,
      groupByLength: groupByLength === 'on',
      ...(batchTokens > 0 && { budget: { tokens: batchTokens, tokensIn: this.#tokensIn } }),
    };
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

  /** Batches from all parts of the data for the beginning of the task: adapters are made from their inputs, or rates. */
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
