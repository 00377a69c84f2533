import { GorpError } from '../base/errors.ts';
import { mixSeed } from '../base/random.ts';
import { type LoadedTask, loadTask, type ReadText } from '../tasks/benchmark.ts';
import { type EncodedExample, encodeExamples } from '../tasks/fit.ts';
import { checkTrainable } from '../tasks/forms.ts';
import { cutByLabel, onDevSet, textOf } from '../tasks/cut.ts';
import { answerLength, encodeLabels } from '../tasks/labels.ts';
import { BENCHMARK_KINDS, embeddedTask } from '../tasks/orders.ts';
import { instructionTemplate } from '../tasks/prompt.ts';
import { firstPresentable } from '../tasks/presentable.ts';
import { sampleBalanced } from '../tasks/sample.ts';
import { taskHash } from '../tasks/task-hash.ts';
import type { Example, Task } from '../tasks/task.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Results, TaskReport } from './results.ts';
import type { RunSettings } from './settings.ts';

/** A task ready for the model. */
export interface EncodedTask {
  readonly name: string;
  readonly kind: string;
  readonly labels: readonly string[];
  readonly train: readonly EncodedExample[];
  readonly test: readonly EncodedExample[];
  readonly testLabels: readonly string[];
  /** Sentences of the test examples, and the question with `{0}` for the sentence: for result files. */
  readonly testSentences: readonly string[];
  readonly instruction: string;
  /** The task's labels as token ids, end-of-text last. */
  readonly candidates: readonly (readonly number[])[];
  /** Names all that the task holds: see {@link taskHash}. */
  readonly texts: string;
}

export const reportOfTask = ({ name, kind, labels, train, test, texts, candidates }: EncodedTask): TaskReport => ({
  name,
  kind,
  labels: labels.slice(),
  trainExamples: train.length,
  testExamples: test.length,
  texts,
  labelTokens: longestLabel(candidates),
});

const longestLabel = (candidates: EncodedTask['candidates']): number =>
  candidates.reduce((longest, { length }) => Math.max(longest, length), 0);

/** Maximum number of tokens in an answer of a run, with the token that ends it. */
export const answerLengthOf = (targetLength: number, tasks: readonly Pick<EncodedTask, 'candidates'>[]): number =>
  answerLength(targetLength, Math.max(0, ...tasks.map(({ candidates }) => longestLabel(candidates))));

/** The same of a run by its results. */
export const answerLengthIn = ({ settings, tasks }: Pick<Results, 'settings' | 'tasks'>): number =>
  answerLength(settings.training.targetLength, Math.max(0, ...tasks.map(({ labelTokens = 0 }) => labelTokens)));

/** The source of tasks. */
export interface TaskHost {
  /**
   * Reads text files of the embedded tasks (`embedded`), or of the CL_Benchmark folder that the settings name.
   *
   * @param signal cancels the fetch.
   */
  taskReader(tasks: string, signal: AbortSignal): ReadText;
  /** The custom task of that name, if any. */
  customTask(name: string): Promise<Task | undefined>;
}

/**
 * Loads one task of the order, draws the sample that the settings request, and encodes it.
 *
 * @param warn reports rows left out and texts cut.
 * @param signal cancels the reading of files.
 * @param onEncoded receives the number of tokenised examples and of all: before the first, then repeatedly.
 * @throws GorpError `tasks/…`, naming file, row and field, or a label that the model cannot write.
 */
export async function prepareTask(
  host: TaskHost,
  name: string,
  settings: RunSettings,
  tokenizer: Tokenizer,
  warn: (message: string) => void,
  signal: AbortSignal = new AbortController().signal,
  onEncoded: (done: number, total: number) => Promise<void> = () => Promise.resolve(),
): Promise<EncodedTask> {
  const { testExamples, testSet, sourceLength, targetLength } = settings.training;
  const { task: whole, leftOut } = await loadNamed(host, name, settings.tasks, signal);
  const task = testSet === 'dev' ? onDevSet(whole) : whole;
  for (const { split, label, rows } of leftOut) {
    const left =
      rows === 1
        ? `1 row of the ${split} set is left out; its`
        : `${rows} rows of the ${split} set are left out; their`;
    warn(`${name}: ${left} label “${label}” is not listed.`);
  }
  const candidates = encodeLabels(tokenizer, task, targetLength);
  const train = trainSample(task, settings.training);
  // Every seed is measured on the same test examples.
  const test = sampleBalanced(task.test, testExamples, mixSeed(0, 'test', name));
  const all = train.length + test.length;
  await onEncoded(0, all);
  for (const warning of doubtsOf(task, train, test)) warn(`${name}: ${warning}`);
  const encodedTrain = await encodeExamples(tokenizer, task, train, sourceLength, (done) => onEncoded(done, all));
  const encodedTest = await encodeExamples(tokenizer, task, test, sourceLength, (done) =>
    onEncoded(train.length + done, all),
  );
  const cut = encodedTrain.cut + encodedTest.cut;
  if (cut > 0) {
    warn(`${name}: ${cut} of ${all} texts are cut to fit ${sourceLength} tokens.`);
  }
  return {
    name,
    kind: task.kind,
    labels: task.labels,
    train: encodedTrain.encoded,
    test: encodedTest.encoded,
    testLabels: test.map(({ label }) => label),
    testSentences: test.map(({ sentence }) => sentence),
    instruction: instructionTemplate(task),
    texts: await taskHash(whole),
    candidates,
  };
}

/**
 * The first training example of {@link prepareTask} that can be shown to anyone; null if there is none.
 *
 * @throws GorpError `tasks/…`.
 */
export async function shownExample(
  host: TaskHost,
  name: string,
  settings: RunSettings,
  tokenizer: Tokenizer,
): Promise<{ example: EncodedExample; cut: boolean } | null> {
  const { task: whole } = await loadNamed(host, name, settings.tasks, new AbortController().signal);
  const task = settings.training.testSet === 'dev' ? onDevSet(whole) : whole;
  encodeLabels(tokenizer, task, settings.training.targetLength);
  const first = firstPresentable(trainSample(task, settings.training), ({ sentence }) => sentence);
  if (first === undefined) return null;
  const { encoded, cut } = await encodeExamples(tokenizer, task, [first], settings.training.sourceLength);
  return { example: encoded[0], cut: cut > 0 };
}

const trainSample = ({ name, train }: Task, { seed, trainExamples }: RunSettings['training']): readonly Example[] =>
  sampleBalanced(train, trainExamples, mixSeed(seed, 'train', name));

/** What makes the accuracy of a task say little. */
function doubtsOf({ labels }: Task, train: readonly Example[], test: readonly Example[]): string[] {
  const doubts: string[] = [];
  const trained = new Set(train.map(textOf));
  const repeated = test.filter((one) => trained.has(textOf(one))).length;
  if (repeated > 0)
    doubts.push(
      `${repeated} of ${test.length} test texts are also trained on, so the accuracy says little of new texts.`,
    );
  const tested = new Set(test.map(({ label }) => label));
  if (tested.size === 1 && labels.length > 1 && test.length > 1)
    doubts.push(`All tests have the label “${test[0].label}”: a model that always gives it is never wrong.`);
  return doubts;
}

/**
 * Loads a task of an order. Its name shows its source: custom tasks cannot take the name of another task.
 *
 * @throws GorpError `tasks/…`.
 */
export async function loadNamed(
  host: TaskHost,
  name: string,
  source: string,
  signal: AbortSignal,
): Promise<LoadedTask> {
  const embedded = embeddedTask(name);
  if (embedded) {
    const { source: file, kind, cut } = embedded;
    const loaded = await loadTask(host.taskReader('embedded', signal), kind, file);
    return cut ? { ...loaded, task: cutByLabel(loaded.task, name, cut) } : loaded;
  }
  if (Object.hasOwn(BENCHMARK_KINDS, name)) {
    if (source !== 'embedded') return loadTask(host.taskReader(source, signal), BENCHMARK_KINDS[name], name);
    throw unknownTask(`${name}, a dataset of CL_Benchmark, but no folder was chosen`);
  }
  const task = await host.customTask(name);
  if (task === undefined)
    throw unknownTask(`${name}, which is neither an embedded task, nor a dataset of CL_Benchmark, nor a custom task`);
  checkTrainable(task.form ?? 'labels');
  return { task, leftOut: [] };
}

const unknownTask = (what: string): GorpError =>
  new GorpError(
    'tasks/unknown-dataset',
    `The order names ${what}.`,
    'Remove it from the order, or provide its folder or file.',
  );
