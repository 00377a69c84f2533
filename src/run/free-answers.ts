import type { BatchSizes } from '../base/batch.ts';
import { chunks } from '../base/chunks.ts';
import type { Device } from '../device/device.ts';
import type { Network } from '../models/network.ts';
import { evaluationOrder, longestSource, sizedBatch } from '../tasks/batches.ts';
import { bestScoreOf } from '../text/scores.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { decodeToEnd, readValues, type WrittenText, writtenText } from './decoding.ts';
import type { Evaluations } from './evaluation-programs.ts';
import type { Answer } from './answer.ts';
import { afterBeginning, readShared, sharedTokens } from './shared-beginning.ts';
import type { EncodedTask } from './encoded-task.ts';

/** What testing free answers needs. */
export interface FreeTestParts {
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
export interface FreeTest {
  /** In the order of the test examples. The loss of each is its batch's mean times its tokens: only sums are exact. */
  readonly answers: Answer[];
  /** Mean −log p per token of the answers. */
  readonly loss: number;
}

/**
 * Measures the loss of the answers, then writes answers greedily and scores them; of texts only the loss.
 *
 * @param onBatch called after every batch with the number of examples done.
 * @throws GorpError `device/lost`.
 */
export async function testFree(
  parts: FreeTestParts,
  task: EncodedTask,
  onBatch: (done: number) => Promise<void>,
): Promise<FreeTest> {
  const isWritten = task.form !== 'text';
  const share = isWritten ? 0.5 : 1;
  const losses = await batchLosses(parts, task.test, (done) => onBatch(Math.floor(share * done)));
  const count = losses.reduce((sum, { tokens }) => sum + tokens, 0);
  const loss = losses.reduce((sum, one) => sum + one.loss, 0) / count;
  const written = isWritten
    ? await write(parts, task, (done) => onBatch(Math.floor(share * (task.test.length + done))))
    : null;
  const answers = task.testLabels.map((label, example): Answer => {
    const { text = '', generated = 0 } = written?.[example] ?? {};
    const score = bestScoreOf(text, [label, ...task.testOthers[example]]);
    return { ...score, text, generated, loss: losses[example].loss, labelTokens: losses[example].tokens };
  });
  return { answers, loss };
}

/** The loss of every answer, and its tokens. A batch is no larger than in training, which fits. */
export async function batchLosses(
  { device, programs, settings }: Pick<FreeTestParts, 'device' | 'programs' | 'settings'>,
  test: EncodedTask['test'],
  onBatch: (done: number) => Promise<void>,
): Promise<{ loss: number; tokens: number }[]> {
  const { sourceLength, evaluationBatchSize } = settings;
  const batchSize = Math.min(settings.batchSize, evaluationBatchSize, test.length);
  const order = [...test.keys()].sort(
    (a, b) => test[b].source.length + test[b].label.length - test[a].source.length - test[a].label.length,
  );
  const found: { loss: number; tokens: number }[] = [];
  let done = 0;
  for (const indexes of chunks(order, batchSize)) {
    const { sizes, rows } = sizedBatch(test, indexes, { batchSize, sourceLength });
    const { batch, forward, loss } = await programs.lossOf(sizes);
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

async function write(
  { device, network, tokenizer, programs, settings }: FreeTestParts,
  { test }: EncodedTask,
  onBatch: (done: number) => Promise<void>,
): Promise<WrittenText[]> {
  const { sourceLength, evaluationBatchSize } = settings;
  const written: WrittenText[] = [];
  const { beginning, rests } = await readShared(programs, test);
  let done = 0;
  for (const { indexes, S } of evaluationOrder(rests, { batchSize: evaluationBatchSize, sourceLength })) {
    const { generation, prefill } = await programs.writing({ B: indexes.length, S, beginning });
    generation.start(indexes.map((example) => rests[example].source));
    await device.run([prefill.program]);
    const decoder = await programs.decoder(generation, indexes.length);
    const capacity = generation.state.tokens.shape[1];
    const tokens = await decodeToEnd(device, decoder, generation.state);
    indexes.forEach((example, row) => {
      const own = tokens.subarray(row * capacity + 1, (row + 1) * capacity);
      written[example] = writtenText(own, network.tokens.endIds, tokenizer);
    });
    done += indexes.length;
    await onBatch(done);
  }
  return written;
}

/** The largest sizes of a test of free answers. */
export interface PlannedFreeTest {
  readonly loss: BatchSizes;
  /** The sources to answer, and the tokens that all begin with, read once for all; null for texts. */
  readonly writing: { readonly B: number; readonly S: number; readonly shared: number } | null;
}

/** What a test of free answers takes at most. @param shares whether what all sources begin with is read once for all. */
export function largestOfFreeTest(
  { test, form }: Pick<EncodedTask, 'test' | 'form'>,
  { sourceLength, batchSize, evaluationBatchSize }: FreeTestParts['settings'],
  shares: boolean,
): PlannedFreeTest {
  const rows = Math.min(batchSize, evaluationBatchSize, test.length);
  const all = [...test.keys()].map((i) => sizedBatch(test, [i], { batchSize: rows, sourceLength }));
  const loss = {
    B: rows,
    S: all.reduce((most, { sizes }) => Math.max(most, sizes.S), 1),
    T: all.reduce((most, { sizes }) => Math.max(most, sizes.T), 1),
  };
  if (form === 'text') return { loss, writing: null };
  const shared = shares ? sharedTokens(test) : 0;
  const batches = evaluationOrder(afterBeginning(test, shared), { batchSize: evaluationBatchSize, sourceLength });
  const B = batches.reduce((most, { indexes }) => Math.max(most, indexes.length), 1);
  return { loss, writing: { B, S: longestSource(batches), shared } };
}
