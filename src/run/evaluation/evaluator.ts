import { evenChunks } from '../../base/statistics.ts';
import { GorpError } from '../../base/errors.ts';
import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Compiled } from '../../graph/compile.ts';
import { sharedTokens } from '../../models/decoder-batch.ts';
import { choiceOf, type LabelTree, labelTree, sizesOfTrees } from '../../models/label-tree.ts';
import type { Generation, Network } from '../../models/network.ts';
import { scoreOf } from '../../text/scores.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Answer } from '../results/answers.ts';
import type { TestTime } from '../results/results.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { decodeToEnd, readValues, writtenText } from './decoding.ts';
import { Evaluations, poolRows } from './evaluation-programs.ts';
import { testFree } from './free-answers.ts';

/** How well a model does a task, by every score that the task has ({@link SCORES_OF}). */
interface Accuracy {
  /** Share of the generated texts that equal the label, or a right answer (docs/method.md, section 6). */
  exact: number | null;
  /** Share of the tests in which the label is the most likely of the task's own labels. */
  ranked: number | null;
  /** Mean ROUGE-L F1. */
  rougeL?: number;
  /** Mean −log p per token of the answers. */
  loss?: number;
  examples: number;
}

/** The settings that a test depends on, and the maximum number of tokens in an answer, with the end. */
type TestSettings = Pick<TrainingSettings, 'sourceLength' | 'batchSize' | 'evaluationBatchSize'> & {
  readonly answerLength: number;
};

const NO_TIME: TestTime = { promptTokens: 0, promptSeconds: 0, answerTokens: 0, answerSeconds: 0 };

/**
 * Measures a model as it is now, by greedy generation and by ranking the task's labels, a batch at a time. Sources are
 * encoded once for both, and ranking the labels already decodes an answer that is a label.
 */
export class Evaluator {
  readonly #device: Device;
  readonly #network: Network;
  readonly #tokenizer: Tokenizer;
  readonly #settings: TestSettings;
  readonly #now: () => number;
  readonly #programs: Evaluations;

  /** @param now a clock in milliseconds. */
  constructor(
    device: Device,
    network: Network,
    learner: Learner,
    tokenizer: Tokenizer,
    settings: TestSettings,
    now: () => number,
  ) {
    this.#device = device;
    this.#network = network;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
    this.#now = now;
    this.#programs = new Evaluations(device, network, learner.layers, settings.answerLength + 1);
  }

  /**
   * @param onBatch called after every batch with the number of examples done; it may throw to stop.
   * @returns the accuracy; the answers in the order of the task's test examples, and of labels whether the right one was
   *   the likeliest; the time it took.
   * @throws GorpError `device/lost`; `run/not-finite` if the model's scores are no numbers.
   */
  async evaluate(
    task: EncodedTask,
    onBatch: (done: number) => Promise<void>,
  ): Promise<{ accuracy: Accuracy; answers: Answer[]; rankedRight?: boolean[]; time: TestTime }> {
    if (task.form !== 'labels') return this.#evaluateFree(task, onBatch);
    const tree = labelTree(task.candidates);
    const [nodes, choices] = [tree.tokens.length, tree.choices.tokens.length];
    const written: ArrayLike<number>[] = []; // tokens of the answers, by example
    const losses: number[][] = []; // −log p of every label, by example
    const time = { ...NO_TIME };
    const unanswered = this.#unanswered(task);
    let done = 0;
    for (const indexes of evenChunks([...task.test.keys()], this.#settings.evaluationBatchSize)) {
      const sources = indexes.map((example) => task.test[example].source);
      const trees = indexes.map(() => tree);
      const programs = await this.#programs.of({ ...this.#programs.sourceSizes(sources), ...sizesOfTrees(trees) });
      programs.generation.start(sources);
      programs.ranking.write(trees);
      const began = this.#now();
      await this.#device.run([programs.prefill.program]);
      const reading = this.#device.read(programs.prefill.rangeOf(programs.generation.state.remaining));
      const hasRead = reading.then(() => this.#now());
      hasRead.catch(() => undefined); // reported below, unless an earlier step fails too
      await Promise.resolve(); // the CPU has read by now: it notes the time before it ranks
      await this.#device.run([programs.rank.program]);
      const [read, loss, best] = await Promise.all([
        hasRead,
        readValues(this.#device, programs.rank, programs.ranked.loss, Float32Array),
        readValues(this.#device, programs.rank, programs.ranked.best, Uint32Array),
      ]);
      const open: number[] = []; // rows whose answers are not labels
      indexes.forEach((example, row) => {
        losses[example] = tree.paths.map((path) => path.reduce((sum, choice) => sum + loss[row * choices + choice], 0));
        const answer = this.#alongLabels(tree, best.subarray(row * nodes, (row + 1) * nodes));
        if (answer === undefined) open.push(row);
        else written[example] = answer;
      });
      if (!indexes.every((example) => losses[example].every(Number.isFinite))) throw notFinite(task.name, 'labels');
      await unanswered.add(programs.generation, open, indexes, written);
      time.promptSeconds += (read - began) / 1000;
      time.answerSeconds += (this.#now() - read) / 1000;
      time.promptTokens += sources.reduce((sum, { length }) => sum + length, 0);
      done += indexes.length;
      await onBatch(done);
    }
    const rest = this.#now();
    await unanswered.write(written);
    time.answerSeconds += (this.#now() - rest) / 1000;
    const rankedRight: boolean[] = [];
    const answers = task.asked.map(({ label }, example): Answer => {
      const { text, generated } = writtenText(written[example], this.#network.tokens.endIds, this.#tokenizer);
      time.answerTokens += generated;
      const right = task.labels.indexOf(label);
      const of = losses[example];
      rankedRight.push(of.indexOf(Math.min(...of)) === right);
      const labelTokens = task.candidates[right].length;
      return { ...scoreOf(text, label), text, generated, loss: of[right], labelTokens };
    });
    const exact = answers.filter(({ exactMatch }) => exactMatch).length;
    const ranked = rankedRight.filter(Boolean).length;
    return { accuracy: { exact: exact / done, ranked: ranked / done, examples: done }, answers, rankedRight, time };
  }

  async #evaluateFree(
    task: EncodedTask,
    onBatch: (done: number) => Promise<void>,
  ): Promise<{ accuracy: Accuracy; answers: Answer[]; time: TestTime }> {
    const [device, network, tokenizer] = [this.#device, this.#network, this.#tokenizer];
    const began = this.#now();
    const parts = { device, network, tokenizer, programs: this.#programs, settings: this.#settings };
    const { answers, loss } = await testFree(parts, task, onBatch);
    if (!Number.isFinite(loss)) throw notFinite(task.name, 'answers');
    const { length: examples } = answers;
    const mean = (valueOf: (answer: Answer) => number): number =>
      answers.reduce((sum, one) => sum + valueOf(one), 0) / examples;
    const isWritten = task.form !== 'text';
    const time: TestTime = {
      ...NO_TIME,
      answerTokens: answers.reduce((sum, one) => sum + one.labelTokens + one.generated, 0),
      answerSeconds: (this.#now() - began) / 1000,
    };
    return {
      accuracy: {
        exact: isWritten ? mean(({ exactMatch }) => (exactMatch ? 1 : 0)) : null,
        ranked: null,
        ...(isWritten && { rougeL: mean(({ rougeL }) => rougeL) }),
        loss,
        examples,
      },
      answers,
      time,
    };
  }

  /**
   * The greedy answer of a row, from the likeliest token after every node: while it follows a label, the pass that
   * ranked the labels has its next token. Undefined if it leaves the labels.
   */
  #alongLabels(tree: LabelTree, best: Uint32Array): number[] | undefined {
    const answer: number[] = [];
    for (let node = 0; node >= 0;) {
      answer.push(best[node]);
      if (this.#network.tokens.endIds.includes(best[node]) || answer.length === this.#settings.answerLength)
        return answer;
      const choice = choiceOf(tree, node, best[node]);
      node = choice < 0 ? -1 : tree.choices.nodes[choice];
    }
    return undefined;
  }

  /** Collects rows whose answers must be decoded, to decode as many at a time as possible. */
  #unanswered(task: EncodedTask): Unanswered {
    const shared = this.#network.sharesBeginnings ? sharedTokens(task.test) : 0;
    const longest = task.test.reduce((most, { source }) => Math.max(most, source.length), 1);
    const sizes = { B: Math.min(this.#settings.evaluationBatchSize, task.test.length), S: longest - shared, shared };
    const room = { ...sizes, B: poolRows(this.#network, sizes) };
    let examples: number[] = [];
    const decode = async (generation: Generation, rows: readonly number[], written: ArrayLike<number>[]) => {
      const stepOf = (count: number): Promise<Compiled> => this.#programs.decoder(generation, count);
      const tokens = await decodeToEnd(this.#device, generation, rows.length, stepOf);
      rows.forEach((example, row) => (written[example] = tokens[row]));
    };
    const write = async (written: ArrayLike<number>[]): Promise<void> => {
      if (examples.length === 0) return;
      const pool = this.#programs.pool(room);
      pool.startAdopted(examples.length);
      await decode(pool, examples, written);
      examples = [];
    };
    const add: Unanswered['add'] = async (generation, rows, indexes, written) => {
      if (rows.length === 0) return;
      if (room.B === 0) {
        const kept = await generation.moveToFront(rows);
        return decode(
          generation,
          kept.map((row) => indexes[row]),
          written,
        );
      }
      for (let at = 0; at < rows.length;) {
        if (examples.length === room.B) await write(written);
        const taken = rows.slice(at, at + room.B - examples.length);
        await this.#programs.pool(room).adopt(generation, taken, examples.length);
        examples.push(...taken.map((row) => indexes[row]));
        at += taken.length;
      }
    };
    return { add, write };
  }

  /** Frees programs and buffers. An evaluator fits one set of adapter shapes: make a new one each round. */
  destroy(): void {
    this.#programs.destroy();
  }
}

const notFinite = (task: string, what: 'labels' | 'answers'): GorpError =>
  new GorpError(
    'run/not-finite',
    `The model's scores of the ${what} of ${task} are not finite numbers, so its answers mean nothing.`,
    'If it was trained, lower the learning rate; with products in f16, choose f32 (training.arithmetic).',
  );

/** Rows whose answers still have to be written. */
interface Unanswered {
  /**
   * Takes rows of a batch that was read, and writes answers when it is full.
   *
   * @param indexes the example of every row of the batch.
   * @param written receives tokens by example.
   */
  add(
    generation: Generation,
    rows: readonly number[],
    indexes: readonly number[],
    written: ArrayLike<number>[],
  ): Promise<void>;
  /** Writes the remaining answers. */
  write(written: ArrayLike<number>[]): Promise<void>;
}
