import { lettersOf } from '../../tasks/custom-task.ts';
import { longestOf } from '../../base/batch.ts';
import { GorpError } from '../../base/errors.ts';
import { balancedIndexes, mixSeed, seededRandom } from '../../base/random.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { type LoadedTask, loadTask, type ReadText } from '../../tasks/benchmark.ts';
import { bearerOf, BENCHMARK_NAMES, benchmarkOf } from '../../tasks/benchmarks.ts';
import { cutByLabel, heldOutCount, onDevSet, sampleOf, textOf, withValidation } from '../../tasks/cut.ts';
import { isEmbedded, isEmbeddedText, loadEmbeddedText } from '../../tasks/embedded-tasks.ts';
import { encodeFree } from '../../tasks/encode-free.ts';
import { checkRefused, type Encoded, type EncodedExample, encodeExamples } from '../../tasks/fit.ts';
import { freeAnswerLength } from '../../tasks/forms.ts';
import { encodeLabels } from '../../tasks/labels.ts';
import { embeddedTask } from '../../tasks/orders.ts';
import { firstPresentable, type Reading, readingOf } from '../../tasks/reading.ts';
import { type Example, type Task, type TaskDefinition, taskHash } from '../../tasks/task.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { ModelTexts } from '../../weights/model-folder.ts';
import { discarding, readTexts } from '../models/open-network.ts';
import { takenOf } from '../settings/amount.ts';
import type { RunSettings } from '../settings/settings.ts';
import { isCutByDesign } from '../settings/starting-values.ts';
import type { EncodedTask } from './encoded-task.ts';
import { PROTECTED_EXAMPLES } from './space-samples.ts';

/** Returns the reasons why the accuracy of a task says little. */
function doubtsOf({ labels }: Task, train: readonly Example[], test: readonly Example[]): string[] {
  const doubts: string[] = [];
  const repeated = countOfTrained(train, test, textOf);
  const alike = countOfTrained(train, test, (one) => lettersOf(textOf(one))) - repeated;
  const [tests, follows] = [`of ${test.length} test texts`, 'so the accuracy says little of new texts.'];
  if (repeated > 0) doubts.push(`${repeated} ${tests} are also trained on, ${follows}`);
  if (alike > 0)
    doubts.push(`${alike} ${tests} differ from a trained one only in case, spaces or punctuation, ${follows}`);
  const tested = new Set(test.map(({ label }) => label));
  if (tested.size === 1 && labels.length > 1 && test.length > 1)
    doubts.push(`All tests have the label “${test[0].label}”: a model that always gives it is never wrong.`);
  return doubts;
}

/** How many test texts are trained on, compared by `key`. */
function countOfTrained(train: readonly Example[], test: readonly Example[], key: (one: Example) => string): number {
  const trained = new Set(train.map(key));
  return test.filter((one) => trained.has(key(one))).length;
}

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
 * Loads one task of a run, draws the sample that the settings request, and encodes it; of a watched task only the tests,
 * and what the method protects.
 *
 * @param warn reports rows left out and texts cut; `isNote` if that is by design.
 * @param signal cancels the reading of files.
 * @param onEncoded receives the number of tokenised examples and of all: before the first, then repeatedly.
 * @throws GorpError `tasks/…`, naming file, row and field, or a label that the model cannot write.
 */
export async function prepareTask(
  host: TaskHost,
  name: string,
  settings: RunSettings,
  tokenizer: Tokenizer,
  warn: (message: string, isNote?: boolean) => void,
  signal: AbortSignal = new AbortController().signal,
  onEncoded: (done: number, total: number) => Promise<void> = () => Promise.resolve(),
): Promise<EncodedTask> {
  const { sourceLength, targetLength } = settings.training;
  const drawn = await drawTask(host, name, settings, signal);
  const { whole, task, watched, leftOut, warnings, train, validation, test } = drawn;
  for (const warning of warnings) warn(`${name}: ${warning}`);
  for (const { split, label, rows } of leftOut) {
    const left =
      rows === 1
        ? `1 row of the ${split} set is left out; its`
        : `${rows} rows of the ${split} set are left out; their`;
    warn(`${name}: ${left} label “${label}” is not listed.`);
  }
  const encode = encoderOf(tokenizer, task, settings.training);
  const all = train.length + validation.length + test.length;
  await onEncoded(0, all);
  if (watched && train.length === 0 && needsOf(planOf(settings.method)).protects === 'watched') {
    warn(`${name}: it has no training examples, so what it uses of the model is not protected.`);
  }
  for (const warning of doubtsOf(task, watched ? [] : train, test)) warn(`${name}: ${warning}`);
  const encodedTrain = await encode(train, (done) => onEncoded(done, all));
  const encodedHeld = await encode(validation, (done) => onEncoded(train.length + done, all));
  const encodedTest = await encode(test, (done) => onEncoded(train.length + validation.length + done, all));
  const parts = [encodedTrain, encodedHeld, encodedTest];
  checkRefused(
    name,
    parts.flatMap(({ refused }) => refused),
  );
  const sumOf = (count: 'cut' | 'shortened' | 'thoughtless'): number =>
    parts.reduce((sum, part) => sum + part[count], 0);
  const cut = sumOf('cut');
  if (cut > 0) {
    warn(`${name}: ${cut} of ${all} texts are cut to fit ${sourceLength} tokens.`, isCutByDesign(settings, name));
  }
  const thoughtless = sumOf('thoughtless');
  if (thoughtless > 0) {
    warn(
      `${name}: the model's chat template leaves out a part of ${thoughtless} of ${all} answers, such as their thoughts; they are learned and tested without it.`,
    );
  }
  const shortened = sumOf('shortened');
  if (shortened > 0) {
    const most = freeAnswerLength(targetLength);
    warn(
      `${name}: ${shortened} of ${all} answers are longer than ${most} tokens, and are learned and tested so far only.`,
    );
  }
  const windows = watched ? { ...settings.training, ...PROTECTED } : settings.training;
  const windowed = task.form === 'text' ? drawWindows(name, windows, encodedTrain, encodedTest) : null;
  const { encoded: drawnTrain, examples: learned } = windowed?.train ?? encodedTrain;
  const [trained, protects] = watched ? [[], drawnTrain] : [drawnTrain, []];
  const held = windowed?.validation ?? encodedHeld.encoded;
  const { encoded: tested, examples: answered } = windowed?.test ?? encodedTest;
  const { candidates } = encode;
  const lacks = tested.length === 0 ? 'test' : trained.length === 0 && !watched ? 'train' : null;
  if (lacks !== null) {
    throw new GorpError(
      'tasks/empty',
      `${name} has nothing to ${lacks} on.`,
      task.train.length === 0 && lacks === 'train'
        ? 'It can only be watched: remove it from the order and mark it as test only (--watch).'
        : 'Add examples or longer texts, or remove the task from the order.',
    );
  }
  const isAnswered = (i: number): boolean => learned[i].turns?.some(({ role }) => role === 'assistant') ?? false;
  const answerless = task.form === 'text' ? [] : trained.filter((_, i) => !isAnswered(i));
  if (!watched && answerless.length === 0 && needsOf(planOf(settings.method)).ownAnswers === 'self') {
    throw new GorpError(
      'tasks/no-prompts',
      `${name} has no prompts that the model could answer to replay its answers: ${task.form === 'text' ? 'a text has none' : 'each holds an earlier answer of its conversation'}.`,
      'Replay stored examples or general prompts (method.replaySource), choose another method, or leave the task out.',
    );
  }
  return {
    name,
    kind: task.kind,
    form: task.form ?? 'labels',
    score: task.score,
    watched,
    labels: task.labels,
    train: trained,
    ...(answerless.length < trained.length && { answerless }),
    protects,
    validation: held,
    test: tested,
    asked: answered,
    definition: definitionOf(task),
    texts: await taskHash(whole),
    candidates,
    longestAnswer: Math.max(
      longestOf(candidates),
      longestOf([...trained, ...held, ...tested].map(({ label }) => label)),
    ),
    vocabulary: tokenizer.size,
  };
}

const definitionOf = ({ name, kind, instruction, labels, form, score, frame }: Task): TaskDefinition => ({
  name,
  kind,
  instruction,
  labels,
  ...(form !== undefined && { form }),
  ...(score !== undefined && { score }),
  ...(frame !== undefined && { frame }),
});

/** Encodes examples of a task. `candidates` are its labels. @throws as {@link encodeLabels}. */
function encoderOf(
  tokenizer: Tokenizer,
  task: Task,
  { sourceLength, targetLength }: RunSettings['training'],
): ((examples: readonly Example[], onPiece?: (done: number) => Promise<void>) => Promise<Encoded>) & {
  candidates: readonly (readonly number[])[];
} {
  if (task.labels.length === 0) {
    const lengths = { sourceLength, answerLength: freeAnswerLength(targetLength) };
    const encode = (examples: readonly Example[], onPiece?: (done: number) => Promise<void>): Promise<Encoded> =>
      encodeFree(tokenizer, task, examples, lengths, onPiece);
    return Object.assign(encode, { candidates: [] });
  }
  const candidates = encodeLabels(tokenizer, task, targetLength);
  const encode = (examples: readonly Example[], onPiece?: (done: number) => Promise<void>): Promise<Encoded> =>
    encodeExamples(tokenizer, task, examples, sourceLength, onPiece);
  return Object.assign(encode, { candidates });
}

/**
 * The first training example of {@link prepareTask} that can be shown to anyone; null if there is none.
 *
 * @throws GorpError `tasks/…`.
 */
async function shownExample(
  host: TaskHost,
  name: string,
  settings: RunSettings,
  tokenizer: Tokenizer,
): Promise<{ example: EncodedExample; cut: boolean } | null> {
  const { task, train } = await drawTask(host, name, settings, new AbortController().signal);
  const encode = encoderOf(tokenizer, task, settings.training);
  const first = firstPresentable(train, ({ sentence, label }) => `${sentence}\n${label}`);
  if (first === undefined) return null;
  const { encoded, cut, refused } = await encode([first]);
  checkRefused(name, refused);
  return { example: encoded[0], cut: cut > 0 };
}

/** A task of a run, and the examples that the settings draw of it. Texts are drawn by the window, once encoded. */
export interface DrawnTask {
  /** The task as it is in its files, and with its dev set as tests if the settings ask for that. */
  readonly whole: Task;
  readonly task: Task;
  readonly leftOut: LoadedTask['leftOut'];
  readonly warnings: LoadedTask['warnings'];
  readonly watched: boolean;
  /** To learn from; of a watched task, what the method protects. */
  readonly train: readonly Example[];
  /** Held out from training; of texts, windows are held out later. */
  readonly validation: readonly Example[];
  readonly test: readonly Example[];
}

/** @throws GorpError `tasks/…`. */
export async function drawTask(
  host: TaskHost,
  name: string,
  settings: RunSettings,
  signal: AbortSignal,
): Promise<DrawnTask> {
  const { trainExamples, testExamples, testSet, validationExamples, seed } = settings.training;
  const { task: whole, leftOut, warnings } = await loadNamed(host, name, settings.tasks, signal);
  const watched = settings.watch?.includes(name) === true;
  const task = testSet === 'dev' && !watched ? onDevSet(whole) : whole;
  const holdsOut = validationExamples > 0 && !watched && task.form !== 'text';
  const { task: rest, held } = holdsOut
    ? withValidation(
        task,
        heldOutCount(validationExamples, takenOf(trainExamples, task.train.length)),
        mixSeed(seed, 'validation', name),
      )
    : { task, held: [] };
  const train = watched ? protectedSample(whole, settings) : trainSample(rest, settings.training);
  // Every seed is measured on the same test examples.
  const test = task.form === 'text' ? task.test : sampleOf(task, task.test, testExamples, mixSeed(0, 'test', name));
  return { whole, task, leftOut, warnings, watched, train, validation: held, test };
}

/** Texts are drawn by the window, once they are encoded. */
const trainSample = (task: Task, { seed, trainExamples }: RunSettings['training']): readonly Example[] =>
  task.form === 'text' ? task.train : sampleOf(task, task.train, trainExamples, mixSeed(seed, 'train', task.name));

/** The examples that are drawn of a watched task to protect what it uses. */
const PROTECTED = { trainExamples: PROTECTED_EXAMPLES, validationExamples: 0 };

/** Examples of a watched task to protect what they use of the model; none with most methods. */
const protectedSample = (task: Task, { method, training }: RunSettings): readonly Example[] =>
  needsOf(planOf(method)).protects === 'watched' ? trainSample(task, { ...training, ...PROTECTED }) : [];

type Drawn = Pick<Encoded, 'encoded' | 'examples'>;

/** A sample of the windows of texts, as large as the settings ask for. */
function drawWindows(
  name: string,
  { seed, trainExamples, testExamples, validationExamples }: RunSettings['training'],
  train: Drawn,
  test: Drawn,
): { train: Drawn; validation: Drawn['encoded']; test: Drawn } {
  const drawn = ({ encoded, examples }: Drawn, size: number, by: number): Drawn => {
    if (size === 0) return { encoded, examples };
    const chosen = balancedIndexes(
      encoded.map(() => ''),
      size,
      () => seededRandom(mixSeed(by, 'windows')),
    );
    return { encoded: chosen.map((i) => encoded[i]), examples: chosen.map((i) => examples[i]) };
  };
  const { length } = train.encoded;
  const count = Math.min(heldOutCount(validationExamples, takenOf(trainExamples, length)), length - 1);
  const validation = count <= 0 ? [] : drawn(train, count, mixSeed(seed, 'validation', name)).encoded;
  const isLeft = train.encoded.map((window) => !validation.includes(window));
  const rest = {
    encoded: train.encoded.filter((_, i) => isLeft[i]),
    examples: train.examples.filter((_, i) => isLeft[i]),
  };
  return {
    train: drawn(rest, trainExamples, mixSeed(seed, 'train', name)),
    validation,
    test: drawn(test, testExamples, mixSeed(0, 'test', name)),
  };
}

/** Loads a task of an order. @throws GorpError `tasks/…`; `tasks/name-taken` if its name may mean two tasks. */
export async function loadNamed(
  host: TaskHost,
  name: string,
  source: string,
  signal: AbortSignal,
): Promise<LoadedTask> {
  const custom = await host.customTask(name);
  const embedded = embeddedTask(name);
  if (custom !== undefined) {
    // New custom tasks have no such names, but those stored by earlier versions may.
    const other = isEmbedded(name) || source !== 'embedded' ? bearerOf(name) : undefined;
    if (other !== undefined) throw twoTasks(name, other);
    return { task: custom, leftOut: [], warnings: [] };
  }
  if (embedded) {
    const { source: file, kind, cut } = embedded;
    const loaded = await loadTask(host.taskReader('embedded', signal), kind, file);
    return cut ? { ...loaded, task: cutByLabel(loaded.task, name, cut) } : loaded;
  }
  if (isEmbeddedText(name)) {
    return { task: await loadEmbeddedText(host.taskReader('embedded', signal), name), leftOut: [], warnings: [] };
  }
  const benchmark = benchmarkOf(name);
  if (benchmark === undefined)
    throw unknownTask(`${name}, which is neither an embedded task, nor of ${BENCHMARK_NAMES}, nor a custom task`);
  if (source === 'embedded') throw unknownTask(`${name} of ${benchmark.name}, but no folder was chosen`);
  return benchmark.load(host.taskReader(source, signal), name);
}

const twoTasks = (name: string, other: string): GorpError =>
  new GorpError(
    'tasks/name-taken',
    `The order names ${name}, which may be a custom task or ${other}.`,
    'Delete the custom task, or import its file again under another name.',
  );

const unknownTask = (what: string): GorpError =>
  new GorpError(
    'tasks/unknown-dataset',
    `The order names ${what}.`,
    'Name its file again (--task, --watch) or its folder (--tasks), or remove it from the order.',
  );

/**
 * An example of a run's first task, exactly as the model reads it; null if it has none.
 *
 * @throws GorpError `model/…`, `text/…`, `tasks/…`, `settings/…`.
 */
export async function firstReading(host: TaskHost, settings: RunSettings, texts: ModelTexts): Promise<Reading | null> {
  const { tokenizer } = await discarding(texts, () => readTexts(texts, settings.training));
  const [task] = settings.order;
  const first = await shownExample(host, task, settings, tokenizer);
  return first && { task, tokens: readingOf(tokenizer, first.example), cut: first.cut };
}
