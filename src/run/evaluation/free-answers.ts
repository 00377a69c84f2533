import { longestOf, type PlannedBatch, type TokenPair } from '../../base/batch.ts';
import { chunks, evenChunks } from '../../base/statistics.ts';
import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import { type LabelTree, labelTree, sizesOfTrees } from '../../models/label-tree.ts';
import type { Network } from '../../models/network.ts';
import { roundedUp, sourceTokens } from '../../models/token-list.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { bestScoreOf } from '../../text/scores.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Answer } from '../results/answers.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { decodeToEnd, readValues, type WrittenText, writtenText } from './decoding.ts';
import { Evaluations, type EvaluationSizes, type SourceSizes } from './evaluation-programs.ts';

/** The parts that a test of free answers needs. */
interface FreeTestParts {
  readonly device: Device;
  readonly network: Pick<Network, 'tokens'>;
  readonly tokenizer: Tokenizer;
  readonly programs: Evaluations;
  readonly settings: {
    readonly batchSize: number;
    readonly evaluationBatchSize: number;
  };
}

/** A test of free answers. */
interface FreeTest {
  /** In the order of the test examples. The loss of a text is its batch's mean times its tokens: only sums are exact. */
  readonly answers: Answer[];
  /** Mean −log p per token of the answers. */
  readonly loss: number;
}

/**
 * Scores the right answers, writes answers greedily and compares them; of texts it measures only the loss.
 *
 * @param onBatch called after every batch with the number of examples done.
 * @throws GorpError `device/lost`.
 */
export async function testFree(
  parts: FreeTestParts,
  task: EncodedTask,
  onBatch: (done: number) => Promise<void>,
): Promise<FreeTest> {
  const tested =
    task.form === 'text' ? await batchLosses(parts, task.test, onBatch) : await write(parts, task, onBatch);
  const tokens = tested.reduce((sum, one) => sum + one.tokens, 0);
  const loss = tested.reduce((sum, one) => sum + one.loss, 0) / tokens;
  const answers = task.asked.map(({ label, others = [] }, example): Answer => {
    const { loss, tokens: labelTokens, text = '', generated = 0 }: Tested = tested[example];
    const score = bestScoreOf(text, [label, ...others]);
    return { ...score, text, generated, loss, labelTokens };
  });
  return { answers, loss };
}

/** The loss of a right answer and its tokens; and the answer that the model wrote, if it did. */
type Tested = { readonly loss: number; readonly tokens: number } & Partial<WrittenText>;

/** The loss of every example, and its tokens. A batch is no larger than in training, which fits. */
export async function batchLosses(
  { device, programs, settings }: Pick<FreeTestParts, 'device' | 'programs' | 'settings'>,
  test: EncodedTask['test'],
  onBatch: (done: number) => Promise<void>,
): Promise<{ loss: number; tokens: number }[]> {
  const { evaluationBatchSize } = settings;
  const batchSize = Math.min(settings.batchSize, evaluationBatchSize, test.length);
  const order = [...test.keys()].sort(
    (a, b) => test[b].source.length + test[b].label.length - test[a].source.length - test[a].label.length,
  );
  const found: { loss: number; tokens: number }[] = [];
  let done = 0;
  for (const indexes of chunks(order, batchSize)) {
    const rows = indexes.map((index) => test[index]);
    const { batch, forward, loss } = await programs.lossOf(programs.sizes(rows));
    batch.write(rows);
    await device.run([forward.program]);
    const [mean] = await readValues(device, forward, loss, Float32Array);
    for (const example of indexes) {
      const { length: tokens } = test[example].label;
      found[example] = { loss: mean * tokens, tokens };
    }
    done += indexes.length;
    await onBatch(done);
  }
  return found;
}

/** Reads each prompt once: its right answer is scored, and another is written. */
async function write(
  { device, network, tokenizer, programs, settings }: FreeTestParts,
  { test }: EncodedTask,
  onBatch: (done: number) => Promise<void>,
): Promise<Tested[]> {
  const tested: Tested[] = [];
  let done = 0;
  for (const indexes of evenChunks([...test.keys()], scoredAtOnce(test, settings))) {
    const sources = indexes.map((example) => test[example].source);
    const trees = indexes.map((example) => labelTree([test[example].label]));
    const one = await programs.of({ ...programs.sourceSizes(sources), ...roundedTrees(trees) });
    const { generation, prefill, ranking, ranked, rank } = one;
    generation.start(sources);
    ranking.write(trees);
    await device.run([prefill.program, rank.program]);
    const losses = await readValues(device, rank, ranked.loss, Float32Array);
    const written = await decodeToEnd(device, generation, indexes.length, (rows) => programs.decoder(generation, rows));
    let choice = 0;
    indexes.forEach((example, row) => {
      const { length: tokens } = test[example].label;
      tested[example] = {
        loss: losses.subarray(choice, (choice += tokens)).reduce((sum, loss) => sum + loss, 0),
        tokens,
        ...writtenText(written[row], network.tokens.endIds, tokenizer),
      };
    });
    done += indexes.length;
    await onBatch(done);
  }
  return tested;
}

/** The sizes of trees of one label each, rounded up so that few programs are compiled. */
function roundedTrees(trees: readonly LabelTree[]): ReturnType<typeof sizesOfTrees> {
  const { nodes, choices, runs } = sizesOfTrees(trees);
  return { nodes: roundedUp(nodes, 'labels'), choices: roundedUp(choices, 'labels'), runs };
}

/**
 * Writes answers to prompts greedily, up to the token that ends each. Nothing is left on the device.
 *
 * @param length tokens of an answer, at most; and how many prompts are answered at once.
 * @param onBatch called after every batch with the number of prompts answered; it may throw to stop.
 * @returns token ids in the order of the prompts, with the end if there is one.
 * @throws GorpError `device/…`.
 */
export async function writeAnswers(
  { device, network, learner }: { device: Device; network: Network; learner: Pick<Learner, 'layers'> },
  prompts: readonly TokenPair[],
  { length, rows }: { length: number; rows: number },
  onBatch: (done: number) => Promise<void> = () => Promise.resolve(),
): Promise<number[][]> {
  const answers: number[][] = [];
  const programs = new Evaluations(device, network, learner.layers, length + 1);
  try {
    let done = 0;
    for (const indexes of evenChunks([...prompts.keys()], rows)) {
      const sources = indexes.map((prompt) => prompts[prompt].source);
      const { generation, prefill } = await programs.of(sizesOfPrompts(programs.sourceSizes(sources)));
      generation.start(sources);
      await device.run([prefill.program]);
      const written = await decodeToEnd(device, generation, indexes.length, (some) =>
        programs.decoder(generation, some),
      );
      indexes.forEach((prompt, row) => {
        const ids = [...written[row]];
        const end = ids.findIndex((id) => network.tokens.endIds.includes(id));
        answers[prompt] = end < 0 ? ids : ids.slice(0, end + 1);
      });
      await onBatch((done += indexes.length));
    }
    return answers;
  } finally {
    programs.destroy();
  }
}

/**
 * Prompts with the answers of the model as it is now, with their end if it comes in time; without those to which it
 * answers nothing, or whose answer has a token that the tokenizer lacks.
 *
 * @param length tokens of an answer, at most.
 * @param onBatch called after every batch with the number of prompts answered.
 * @throws as {@link writeAnswers}.
 */
export async function answeredByModel(
  parts: { device: Device; network: Network; learner: Pick<Learner, 'layers'>; tokenizer: Tokenizer; rows: number },
  prompts: readonly TokenPair[],
  length: number,
  onBatch: (done: number) => Promise<void>,
): Promise<EncodedExample[]> {
  const { network, tokenizer, rows } = parts;
  const answers = await writeAnswers(parts, prompts, { length, rows }, onBatch);
  return prompts.flatMap(({ source }, i) => {
    const label = answers[i];
    const isEmpty = label.length === 0 || network.tokens.endIds.includes(label[0]);
    return isEmpty || label.some((id) => id >= tokenizer.size) ? [] : [{ source, label }];
  });
}

/** The sizes of a batch of prompts without labels. */
export const sizesOfPrompts = (sizes: SourceSizes): EvaluationSizes => ({
  ...sizes,
  nodes: sizes.B,
  choices: sizes.B,
  runs: sizes.B,
});

/** How many answers are scored at once: of no more tokens than a batch of training, which fits. */
function scoredAtOnce(
  test: EncodedTask['test'],
  { batchSize, evaluationBatchSize }: Pick<FreeTestParts['settings'], 'batchSize' | 'evaluationBatchSize'>,
): number {
  const [S, T] = [test.map(({ source }) => source), test.map(({ label }) => label)].map(longestOf);
  return Math.min(evaluationBatchSize, Math.floor((batchSize * (S + T)) / T));
}

/** The largest batch of a test of free answers: of texts, or of prompts whose answers are scored and written. */
export type PlannedFreeTest = { readonly text: PlannedBatch } | { readonly written: EvaluationSizes };

/**
 * Returns the largest batch of a test of free answers. @param shares whether what sources begin with is read once for
 * all.
 */
export function largestOfFreeTest(
  { test, form }: Pick<EncodedTask, 'test' | 'form'>,
  { batchSize, evaluationBatchSize }: Pick<FreeTestParts['settings'], 'batchSize' | 'evaluationBatchSize'>,
  shares: boolean,
): PlannedFreeTest {
  if (form === 'text') {
    const [S, T] = [test.map(({ source }) => source), test.map(({ label }) => label)].map(longestOf);
    return { text: { B: Math.min(batchSize, evaluationBatchSize, test.length), S, T, shared: 0 } };
  }
  const batches = evenChunks(test, scoredAtOnce(test, { batchSize, evaluationBatchSize })).map((batch) => ({
    ...largestSources([batch], shares),
    ...roundedTrees(batch.map(({ label }) => labelTree([label]))),
  }));
  return { written: largestOf(batches) };
}

/** The largest sizes of batches of sources. @param shares whether what sources begin with is read once for all. */
export const largestSources = (batches: readonly (readonly EncodedExample[])[], shares: boolean): SourceSizes =>
  largestOf(
    batches.map((batch) => ({
      B: batch.length,
      tokens: sourceTokens(
        batch.map(({ source }) => source),
        shares,
      ),
    })),
  );

const largestOf = <T extends Readonly<Record<keyof T, number>>>(sizes: readonly T[]): T =>
  sizes.reduce((most, one) => {
    const entries = Object.entries<number>(one).map(([name, size]) => [name, Math.max(size, most[name as keyof T])]);
    return Object.fromEntries(entries) as T;
  });

/** Prompts that are answered: the largest batch, and the tokens that are read and written of all. */
export interface PlannedAnswers extends SourceSizes {
  /** Tokens of the longest prompt. */
  readonly longest: number;
  readonly read: number;
  readonly written: number;
  /** Tokens of an answer, at most. */
  readonly answer: number;
}

/** @param shares whether what prompts begin with is read once for all. */
export function plannedAnswers(
  prompts: readonly EncodedExample[],
  { rows, answer }: { rows: number; answer: number },
  shares: boolean,
): PlannedAnswers {
  const batches = evenChunks(prompts, rows);
  return {
    ...largestSources(batches, shares),
    longest: longestOf(prompts.map(({ source }) => source)),
    read: batches.reduce((sum, batch) => sum + largestSources([batch], shares).tokens, 0),
    written: prompts.length * answer,
    answer,
  };
}
