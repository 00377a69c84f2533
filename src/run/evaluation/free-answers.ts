import type { PlannedBatch } from '../../base/batch.ts';
import { chunks } from '../../base/chunks.ts';
import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import { sharedTokens } from '../../models/decoder-batch.ts';
import type { Beginning, Network } from '../../models/network.ts';
import { evaluationOrder, longestSource } from '../../tasks/batches.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { bestScoreOf } from '../../text/scores.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Answer } from '../results/answers.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import { decodeToEnd, readValues, type WrittenText, writtenText } from './decoding.ts';
import { Evaluations } from './evaluation-programs.ts';

/** The examples without the first tokens of their prompts, which were read before. */
export const afterBeginning = (examples: readonly EncodedExample[], tokens: number): readonly EncodedExample[] =>
  tokens === 0 ? examples : examples.map((example) => ({ ...example, source: example.source.slice(tokens) }));

/**
 * Reads what all prompts of a test begin with, where that can be read once for all.
 *
 * @returns it, and the examples with what remains of their prompts.
 * @throws GorpError as {@link Evaluations.readBeginning}.
 */
export async function readShared(
  programs: Pick<Evaluations, 'sharesBeginnings' | 'readBeginning'>,
  examples: readonly EncodedExample[],
): Promise<{ beginning: Beginning | undefined; rests: readonly EncodedExample[] }> {
  const tokens = programs.sharesBeginnings ? sharedTokens(examples) : 0;
  const beginning = await programs.readBeginning(examples.at(0)?.source.slice(0, tokens) ?? []);
  return { beginning, rests: afterBeginning(examples, tokens) };
}

/** What testing free answers needs. */
interface FreeTestParts {
  readonly device: Device;
  readonly network: Pick<Network, 'tokens'>;
  readonly tokenizer: Tokenizer;
  readonly programs: Evaluations;
  readonly settings: {
    readonly sourceLength: number;
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
async function batchLosses(
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
  const { sourceLength } = settings;
  const tested: Tested[] = [];
  const { beginning, rests } = await readShared(programs, test);
  let done = 0;
  for (const { indexes, S } of evaluationOrder(rests, { batchSize: scoredAtOnce(test, settings), sourceLength })) {
    const labels = indexes.map((example) => test[example].label);
    const T = longestOf(labels);
    const batch = await programs.scoring({ B: indexes.length, S, T, beginning });
    const { generation, prefill, scoring, score, scores } = batch;
    generation.start(indexes.map((example) => rests[example].source));
    scoring.write(labels);
    await device.run([prefill.program, score.program]);
    const losses = await readValues(device, score, scores, Float32Array);
    const written = await decodeToEnd(device, generation, indexes.length, (rows) => programs.decoder(generation, rows));
    indexes.forEach((example, row) => {
      tested[example] = {
        loss: losses.subarray(row * T, (row + 1) * T).reduce((sum, loss) => sum + loss, 0),
        tokens: labels[row].length,
        ...writtenText(written[row], network.tokens.endIds, tokenizer),
      };
    });
    done += indexes.length;
    await onBatch(done);
  }
  return tested;
}

/**
 * Writes answers to prompts greedily, up to the token that ends each.
 *
 * @param programs with room for answers of the wanted length.
 * @param batchSize prompts that are answered at once.
 * @param onBatch called after every batch with the number of prompts answered.
 * @returns token ids in the order of the prompts, with the end if there is one.
 */
export async function writeAnswers(
  { device, network, programs }: Pick<FreeTestParts, 'device' | 'network' | 'programs'>,
  prompts: readonly EncodedExample[],
  batchSize: number,
  onBatch: (done: number) => Promise<void>,
): Promise<number[][]> {
  const answers: number[][] = [];
  const sourceLength = longestOf(prompts.map(({ source }) => source));
  const { beginning, rests } = await readShared(programs, prompts);
  let done = 0;
  for (const { indexes, S } of evaluationOrder(rests, { batchSize, sourceLength })) {
    const { generation, prefill } = await programs.scoring({ B: indexes.length, S, T: 1, beginning });
    generation.start(indexes.map((prompt) => rests[prompt].source));
    await device.run([prefill.program]);
    const written = await decodeToEnd(device, generation, indexes.length, (rows) => programs.decoder(generation, rows));
    indexes.forEach((prompt, row) => {
      const ids = [...written[row]];
      const end = ids.findIndex((id) => network.tokens.endIds.includes(id));
      answers[prompt] = end < 0 ? ids : ids.slice(0, end + 1);
    });
    await onBatch((done += indexes.length));
  }
  return answers;
}

/** How many answers are scored at once: of no more tokens than a batch of training, which fits. */
function scoredAtOnce(
  test: EncodedTask['test'],
  { batchSize, evaluationBatchSize }: Pick<FreeTestParts['settings'], 'batchSize' | 'evaluationBatchSize'>,
): number {
  const [S, T] = [test.map(({ source }) => source), test.map(({ label }) => label)].map(longestOf);
  return Math.min(evaluationBatchSize, Math.floor((batchSize * (S + T)) / T));
}

const longestOf = (texts: readonly (readonly number[])[]): number =>
  texts.reduce((most, { length }) => Math.max(most, length), 1);

/** The largest batch of a test of free answers: of texts, or of prompts whose answers are scored and written. */
export type PlannedFreeTest =
  | { readonly text: PlannedBatch }
  | {
      /** What all prompts begin with is read once for all, and not counted in S. */
      readonly written: PlannedBatch;
    };

/** What a test of free answers takes at most. @param shares whether what all sources begin with is read once for all. */
export function largestOfFreeTest(
  { test, form }: Pick<EncodedTask, 'test' | 'form'>,
  { sourceLength, batchSize, evaluationBatchSize }: FreeTestParts['settings'],
  shares: boolean,
): PlannedFreeTest {
  const T = longestOf(test.map(({ label }) => label));
  if (form === 'text') {
    const rows = Math.min(batchSize, evaluationBatchSize, test.length);
    return { text: { B: rows, S: longestOf(test.map(({ source }) => source)), T, shared: 0 } };
  }
  const shared = shares ? sharedTokens(test) : 0;
  const rows = scoredAtOnce(test, { batchSize, evaluationBatchSize });
  const batches = evaluationOrder(afterBeginning(test, shared), { batchSize: rows, sourceLength });
  const B = batches.reduce((most, { indexes }) => Math.max(most, indexes.length), 1);
  return { written: { B, S: longestSource(batches), T, shared } };
}

/** Prompts that are answered: the largest batch, what all share, and the tokens that are read and written of all. */
export interface PlannedAnswers {
  readonly B: number;
  readonly S: number;
  readonly shared: number;
  readonly read: number;
  readonly written: number;
  /** Tokens of an answer, at most. */
  readonly answer: number;
}

/** @param shares whether what all prompts begin with is read once for all. */
export function plannedAnswers(
  prompts: readonly EncodedExample[],
  { rows, answer }: { rows: number; answer: number },
  shares: boolean,
): PlannedAnswers {
  const longest = Math.max(...prompts.map(({ source }) => source.length));
  const shared = shares ? sharedTokens(prompts) : 0;
  const rests = afterBeginning(prompts, shared);
  const batches = evaluationOrder(rests, { batchSize: rows, sourceLength: longest });
  return {
    B: batches.reduce((most, { indexes }) => Math.max(most, indexes.length), 1),
    S: longestSource(batches),
    shared,
    read: rests.reduce((sum, { source }) => sum + source.length, 0),
    written: prompts.length * answer,
    answer,
  };
}

/** The loss on examples held out from training, between two steps of a round. Changes nothing of the training. */
export class Validation {
  readonly #device: Device;
  readonly #programs: Evaluations;
  readonly #examples: readonly EncodedExample[];
  readonly #training: TrainingSettings;

  /** @param learner in a task: its layers have the shapes of this round. */
  constructor(
    device: Device,
    network: Network,
    learner: Pick<Learner, 'layersInTraining'>,
    examples: readonly EncodedExample[],
    training: TrainingSettings,
  ) {
    this.#device = device;
    this.#programs = new Evaluations(device, network, learner.layersInTraining, 1);
    this.#examples = examples;
    this.#training = training;
  }

  /** Whether the loss is measured after a step. @param total steps of the round. */
  isDue(step: number, total: number): boolean {
    return this.#examples.length > 0 && (step % this.#training.validationSteps === 0 || step === total);
  }

  /** Mean −log p per token of the labels or answers. @throws GorpError `device/lost`. */
  async loss(): Promise<number> {
    const parts = { device: this.#device, programs: this.#programs, settings: this.#training };
    const losses = await batchLosses(parts, this.#examples, () => Promise.resolve());
    const tokens = losses.reduce((sum, one) => sum + one.tokens, 0);
    return losses.reduce((sum, { loss }) => sum + loss, 0) / tokens;
  }

  destroy(): void {
    this.#programs.destroy();
  }
}
