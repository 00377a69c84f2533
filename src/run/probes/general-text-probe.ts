import { mean } from '../../base/statistics.ts';
import { type Batch, labelTokensOf, tokensOf } from '../../base/batch.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device, Program } from '../../device/device.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { type Choices, choiceLosses } from '../../graph/ops/cross-entropy.ts';
import { CHUNK_BYTES } from '../../graph/ops/chunked-logits.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { sizeOf, type Tensor } from '../../graph/tensor.ts';
import { InputBuffers } from '../../models/input-buffers.ts';
import type { Layers } from '../../models/layers.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { readValues } from '../evaluation/decoding.ts';
import { type GeneralText, reportOfText } from './general-text.ts';
import type { GeneralTextReport, GeneralTextRound } from '../results/results.ts';

/** Called after every batch with the examples done and their number; it may throw to stop. */
type OnPart = (done: number, total: number) => Promise<void>;

/** The name of general text in the progress of a run. */
export const GENERAL_TEXT_NAME = 'general text';

/** How many of the base model's likeliest tokens KL distinguishes; all others together are one more. */
const LIKELIEST = 64;
/** Probability that a sum of as many may lack or exceed by rounding. */
const ROUNDING = 1e-6;

/** The scores of a model at every token of a label. */
export interface ScoredLabel {
  /** Number of tokens of the label, n, and of those compared at each, k. */
  readonly tokens: number;
  /** The tokens compared, [n, k]. */
  readonly compared: Uint32Array;
  /** −log p of the label's token, then of those compared, [n, 1 + k]. */
  readonly losses: Float32Array;
}

/**
 * Measures a model on general text: its loss, and how far it has moved from the base model. Nothing is left on the
 * device between two measurements, and no random number is drawn: a run trains the same with it and without.
 */
export class GeneralTextProbe {
  readonly #parts: ScoringParts;
  readonly #text: GeneralText;
  readonly #examples: readonly EncodedExample[];
  readonly #batchTokens: number;
  /** The scores of the base model for each example: some megabytes of the host's memory. */
  #base: readonly ScoredLabel[] | undefined;

  /**
   * @param parts with the layers of the model between two rounds.
   * @param batchTokens tokens of a batch of training, which fits: no batch here has more, unless it is a single row.
   */
  constructor(parts: ScoringParts, text: GeneralText, batchTokens: number) {
    this.#parts = parts;
    this.#text = text;
    this.#examples = [...text.passages, ...text.prompts.flatMap(({ examples }) => examples)];
    this.#batchTokens = batchTokens;
  }

  /** The description of the text in results. */
  get about(): GeneralTextReport {
    return reportOfText(this.#text);
  }

  /**
   * Measures the model as it is. The first time that is the base model, unless the run only tests: of it the probe stores
   * what KL needs, the {@link LIKELIEST} tokens at each place with their log-probabilities.
   *
   * @param round 0 before training.
   * @throws GorpError `device/…`; what `onPart` throws.
   */
  async measure(round: number, onPart: OnPart): Promise<GeneralTextRound> {
    if (round > 0 && this.#base === undefined) throw new Error('the base model has not been measured');
    const base = (this.#base ??= await this.#score(null, onPart));
    const model = round === 0 ? base : await this.#score(base, onPart);
    return this.#measured(round, base, model);
  }

  async #score(known: readonly ScoredLabel[] | null, onPart: OnPart): Promise<ScoredLabel[]> {
    const scored: ScoredLabel[] = [];
    let done = 0;
    for (const indexes of this.#batches()) {
      const rows = indexes.map((i) => this.#examples[i]);
      const labels = await scoreLabels(this.#parts, rows, known && indexes.map((i) => known[i].compared));
      indexes.forEach((index, row) => (scored[index] = labels[row]));
      done += indexes.length;
      await onPart(done, this.#examples.length);
    }
    return scored;
  }

  /** Passages and prompts apart: their lengths differ. */
  #batches(): number[][] {
    const { length } = this.#text.passages;
    const [passages, prompts] = [this.#examples.slice(0, length), this.#examples.slice(length)].map((some) =>
      batchesOf(some, this.#batchTokens),
    );
    return [...passages, ...prompts.map((indexes) => indexes.map((i) => length + i))];
  }

  #measured(round: number, base: readonly ScoredLabel[], model: readonly ScoredLabel[]): GeneralTextRound {
    const { passages, prompts } = this.#text;
    const divergence = (from: number, count: number): number | null =>
      meanOf(model.slice(from, from + count).flatMap((one, i) => divergences(base[from + i], one)));
    let at = passages.length;
    return {
      round,
      losses: model.slice(0, passages.length).map((one) => meanOf(labelLosses(one))),
      divergences: passages.map((_, i) => divergence(i, 1)),
      prompts: prompts.map(({ task, examples }) => {
        at += examples.length;
        return { task, divergence: divergence(at - examples.length, examples.length) };
      }),
    };
  }
}

/** Null if it is no finite number, as results store it. */
function meanOf(values: readonly number[]): number | null {
  const known = mean(values);
  return Number.isFinite(known) ? known : null;
}

/** −log p of each token of a label. */
export const labelLosses = ({ tokens, losses }: ScoredLabel): number[] =>
  Array.from({ length: tokens }, (_, i) => losses[(i * losses.length) / tokens]);

/**
 * KL(base ‖ model) at each token of a label, over the base model's likeliest tokens and all others taken together: at
 * most the whole KL, less by what it misses among the others (docs/method.md, eq. (35)).
 */
export function divergences(base: ScoredLabel, model: ScoredLabel): number[] {
  const stride = base.losses.length / base.tokens;
  return Array.from({ length: base.tokens }, (_, i) => {
    let [sum, p, q] = [0, 0, 0];
    for (let at = i * stride + 1; at < (i + 1) * stride; at++) {
      const own = Math.exp(-base.losses[at]);
      sum += own * (model.losses[at] - base.losses[at]);
      p += own;
      q += Math.exp(-model.losses[at]);
    }
    return 1 - p > ROUNDING ? sum + (1 - p) * Math.log((1 - p) / Math.max(1 - q, ROUNDING)) : sum;
  });
}

/** The batch of most tokens, for a plan of its memory. */
export const largestScoring = ({ passages }: Pick<GeneralText, 'passages'>, batchTokens: number): Batch =>
  batchesOf(passages, batchTokens)
    .map((indexes) => indexes.map((index) => passages[index]))
    .reduce((a, b) => (tokensOf(b) > tokensOf(a) ? b : a));

/** Examples of similar length in batches that are no larger than one of training. */
function batchesOf(examples: Batch, batchTokens: number): number[][] {
  const tokens = (index: number): number => tokensOf([examples[index]]);
  const order = [...examples.keys()].sort((a, b) => tokens(b) - tokens(a));
  const batches: number[][] = [];
  for (let at = 0; at < order.length;) {
    const rows = Math.max(1, Math.floor(batchTokens / tokens(order[at])));
    batches.push(order.slice(at, at + rows));
    at += rows;
  }
  return batches;
}

/** The parts that scoring needs: the network, and its layers as they are. */
interface ScoringParts {
  readonly device: Device;
  readonly network: Network;
  readonly layers: Layers;
}

/** Scores of the labels of one batch, by its programs. */
interface LabelScoring {
  /** Reads the batch. @returns what predicts the tokens of the labels, [N, D], without padding. */
  read(): Promise<Float32Array<ArrayBuffer>>;
  /** The likeliest tokens at each place, [N, k]. */
  likeliest(hidden: Float32Array<ArrayBuffer>): Promise<Uint32Array>;
  /** −log p of a label's token and of k others at each place, [N, 1 + k]. */
  losses(hidden: Float32Array<ArrayBuffer>, labels: readonly number[], compared: Uint32Array): Promise<Float32Array>;
  /** Number of tokens compared at each place: {@link LIKELIEST}, or the whole vocabulary. */
  readonly k: number;
  /** The programs of a measurement after the first, and the most bytes that are read back at once. */
  readonly programs: readonly Program[];
  readonly readBytes: number;
  destroy(): void;
}

/**
 * The forward pass of a batch ends with what predicts the tokens of labels. The host reads and returns it without
 * padding, so that scores over the vocabulary are computed for labels alone.
 *
 * @param findsLikeliest whether {@link LabelScoring.likeliest} is called: it takes memory for scores.
 * @throws GorpError `device/…`; then nothing stays allocated.
 */
export async function compileScoring(
  { device, network, layers }: ScoringParts,
  rows: Batch,
  findsLikeliest: boolean,
): Promise<LabelScoring> {
  const buffers: OwnedBuffer[] = [];
  const compiled: Compiled[] = [];
  const destroy = (): void => [...compiled, ...buffers].forEach((one) => one.destroy());
  const add = async (name: string, g: Graph, root: Tensor): Promise<Compiled> => {
    const program = await compile(device, name, g, [root]);
    compiled.push(program);
    return program;
  };
  try {
    const N = labelTokensOf(rows);
    const batch = network.batch(network.sizes(rows), buffers);
    const inputs = new InputBuffers(device, buffers);
    const g = new Graph();
    const { x, head, alpha } = batch.predictions(g, layers); // x [..., D], head [V, D]
    const forward = await add('read general text', g, x);
    const [V, D] = head.shape;
    const k = Math.min(LIKELIEST, V);
    const begins = Uint32Array.from({ length: N + 1 }, (_, i) => i * (1 + k));
    const choices: Choices = {
      begins: inputs.make('first choices', [N + 1], 'u32', begins),
      tokens: inputs.make('choices', [N * (1 + k)], 'u32'),
    };
    const predicting = inputs.make('what predicts labels', [1, N, D], 'f32');
    const ofChoices = new Graph();
    const { loss } = choiceLosses(ofChoices, { x: predicting, head, alpha }, choices);
    const compare = await add('compare tokens', ofChoices, loss);
    const R = findsLikeliest ? Math.min(N, Math.max(1, Math.floor(CHUNK_BYTES / (4 * V)))) : 0;
    const some = inputs.make('what predicts some labels', [1, R, D], 'f32');
    const ofScores = new Graph();
    const scores = matmul(ofScores, some, head, { layout: 'nt', alpha }); // [1, R, V]
    const score = findsLikeliest ? await add('score tokens', ofScores, scores) : undefined;
    return {
      read: async () => {
        batch.write(rows);
        await device.run([forward.program]);
        const all = await readValues(device, forward, x, Float32Array);
        return all.slice(0, N * D);
      },
      likeliest: async (hidden) => {
        if (score === undefined) throw new Error('the likeliest tokens were not planned for');
        const found = new Uint32Array(N * k);
        for (let at = 0; at < N; at += R) {
          inputs.write(some, hidden.slice(at * D, Math.min(N, at + R) * D));
          await device.run([score.program]);
          const read = await readValues(device, score, scores, Float32Array);
          for (let i = 0; i < Math.min(R, N - at); i++)
            found.set(largest(read.subarray(i * V, (i + 1) * V), k), (at + i) * k);
        }
        return found;
      },
      losses: async (hidden, labels, compared) => {
        const tokens = new Uint32Array(N * (1 + k));
        labels.forEach((token, i) => {
          tokens[i * (1 + k)] = token;
          tokens.set(compared.subarray(i * k, (i + 1) * k), i * (1 + k) + 1);
        });
        inputs.write(predicting, hidden);
        inputs.write(choices.tokens, tokens);
        await device.run([compare.program]);
        return readValues(device, compare, loss, Float32Array);
      },
      k,
      programs: [forward.program, compare.program],
      readBytes: 4 * Math.max(...[x, scores, loss].map(({ shape }) => sizeOf(shape))),
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}

/** The places of the k largest values, in no particular order. */
function largest(values: Float32Array, k: number): Uint32Array {
  // The k largest so far, in ascending order: few values are above the first of them.
  const places = new Uint32Array(k);
  const found = new Float32Array(k).fill(-Infinity);
  for (let v = 0; v < values.length; v++) {
    const value = values[v];
    if (value <= found[0]) continue;
    let at = 1;
    for (; at < k && found[at] < value; at++) {
      found[at - 1] = found[at];
      places[at - 1] = places[at];
    }
    found[at - 1] = value;
    places[at - 1] = v;
  }
  return places;
}

/**
 * Scores the labels of a batch.
 *
 * @param compared tokens for each place of each label; null for the model's own likeliest.
 * @throws GorpError `device/…`.
 */
export async function scoreLabels(
  parts: ScoringParts,
  rows: Batch,
  compared: readonly Uint32Array[] | null,
): Promise<ScoredLabel[]> {
  const labels = rows.flatMap(({ label }) => label);
  const scoring = await compileScoring(parts, rows, compared === null);
  try {
    const { k } = scoring;
    const hidden = await scoring.read();
    const tokens = compared === null ? await scoring.likeliest(hidden) : joined(compared);
    const losses = await scoring.losses(hidden, labels, tokens);
    let at = 0;
    return rows.map(({ label: { length } }): ScoredLabel => {
      const [from, to] = [at, (at += length)];
      return {
        tokens: length,
        compared: tokens.slice(from * k, to * k),
        losses: losses.slice(from * (1 + k), to * (1 + k)),
      };
    });
  } finally {
    scoring.destroy();
  }
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
