import { doubtsBeside } from '../tasks/custom-task.ts';
import { longestOf } from '../base/batch.ts';
import { GorpError } from '../base/errors.ts';
import { nextTurn } from '../base/next-turn.ts';
import { countingDevice, type DeviceOutline, outlineOf } from '../device/counting-device.ts';
import type { Device } from '../device/device.ts';
import { needsOf } from '../gorp/part/method-plan.ts';
import { sizeOf } from '../graph/tensor.ts';
import { methodTitle, planOf } from '../methods/registry.ts';
import type { Network } from '../models/network.ts';
import type { EncodedExample } from '../tasks/fit.ts';
import { shownReading } from '../tasks/reading.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type InspectTexts, type ModelFiles, type ModelTexts, modelOutline } from '../weights/model-folder.ts';
import type { ModelProgress } from '../weights/model-messages.ts';
import type { RunEvent } from './events/events.ts';
import type { RunHost } from './events/host.ts';
import { checkSame, checkSettings } from './files/fitting.ts';
import { checkCanContinue, checkFits, checkTrained, type SavedRound } from './files/saved-round.ts';
import type { SavedRun } from './files/saved-run.ts';
import { type RunControl, Stopped } from './learning/control.ts';
import {
  byChatTemplate,
  chosenTargets,
  discarding,
  type KnownModel,
  modulesOf,
  networkOf,
  type OpenedNetwork,
  openNetwork,
  readTexts,
} from './models/open-network.ts';
import { storedTypeOf } from './models/packed-blocks.ts';
import { type Effort, workOfRun } from './planning/duration.ts';
import { asRefusal, checkBudget, checkHost } from './planning/memory-plan.ts';
import { planRun, storedTypes } from './planning/plan-run.ts';
import { packedRounds, plannedTask, trainingTokens, workOf } from './planning/planned-work.ts';
import { ANSWER_TOKENS, type AskedQuestions, askedQuestions, QUESTIONS_DATE } from './probes/common-questions-probe.ts';
import { generalText, type GeneralText, textsOf } from './probes/general-text.ts';
import {
  baseOf,
  checkFiles,
  checkTexts,
  checkWeights,
  type FileHashes,
  fileHashes,
  hasOtherTexts,
  type ResumeSource,
} from './results/identity.ts';
import type { Results } from './results/results.ts';
import { ownText, type RunSettings, testedTasks } from './settings/settings.ts';
import { kindOf } from './settings/starting-values.ts';
import { answerLengthOf, type EncodedTask, targetLengthOf } from './tasks/encoded-task.ts';
import { earlierTask, type Lesson, lessonOf } from './tasks/lessons.ts';
import {
  dataHash,
  GENERAL_ANSWER,
  type ProtectedExamples,
  protectedExamples,
  protectedSample,
  replayedPrompts,
} from './tasks/protected-examples.ts';
import { spaceSamples } from './tasks/space-samples.ts';
import { prepareTask } from './tasks/task-data.ts';

type Progress = Extract<RunEvent, { type: 'progress' }>;

/** What a run works with, all known to fit together. */
export interface Opened extends OpenedNetwork {
  readonly model: ModelFiles;
  readonly tasks: EncodedTask[];
  readonly protects: ProtectedExamples;
  /** General prompts that the base model answers to have them replayed; none with most methods. */
  readonly replayed: readonly EncodedExample[];
  /** Questions of common knowledge; null if the settings ask none, or the model has no chat template. */
  readonly questions: AskedQuestions | null;
  /** By which the run measures what its model could do before; null if it does not, or the model reads none of it. */
  readonly general: GeneralText | null;
  /** Tokens of the largest batch of training. */
  readonly batchTokens: number;
  /** Maximum number of tokens in an answer, with the end. */
  readonly answerLength: number;
  /** Names the tasks' examples: see {@link dataHash}. */
  readonly data: string;
  /** The model of an earlier run to teach more. */
  readonly saved: SavedRound | undefined;
  /** What the model has been taught, as far as this run has come. */
  readonly lessons: readonly Lesson[];
  /** How many of them when this run began: their tasks come first in the order. */
  readonly taughtBefore: number;
  /** The hashes of the model's small files, and the date that its chat template prints. */
  readonly files: FileHashes;
  readonly date: string | undefined;
  /** What the parts of the run cost, and the most bytes that its state takes on disk. */
  readonly planned: PlannedParts;
}

/** What a plan says to those who estimate the time of a run. */
interface PlannedParts {
  readonly effort: Effort;
  readonly stateBytes: number;
  /** Optimizer steps of each round, if its batches are packed by tokens. */
  readonly steps: readonly number[] | undefined;
}

/** The run that this one takes up, which was made of the same. */
interface ResumedRun {
  readonly results: Results;
  readonly what: ResumeSource;
}

/** The outcome of checking the small files: they are checked once, however often a download resumes. */
interface Inspected extends Pick<
  Opened,
  | 'tasks'
  | 'protects'
  | 'replayed'
  | 'questions'
  | 'general'
  | 'batchTokens'
  | 'data'
  | 'saved'
  | 'files'
  | 'date'
  | 'planned'
  | 'lessons'
  | 'taughtBefore'
> {
  readonly known: KnownModel;
}

/**
 * Opens a run's model and tasks. The model's small files come first. Before the weights are fetched, it checks that the
 * files fit together, that the tasks can be read and that the device can hold the run.
 */
export class Opening {
  readonly #host: RunHost;
  readonly #settings: RunSettings;
  readonly #control: RunControl;
  readonly #device: Device;
  readonly #checkpoint: SavedRun | undefined;
  #inspected: Inspected | undefined;
  #saved: Promise<SavedRound | undefined> | undefined;

  /** @param checkpoint of the same run, to resume from; the model is the one it was trained on. */
  constructor(
    host: RunHost,
    settings: RunSettings,
    control: RunControl,
    device: Device,
    checkpoint: SavedRun | undefined,
  ) {
    this.#host = host;
    this.#settings = settings;
    this.#control = control;
    this.#device = device;
    this.#checkpoint = checkpoint;
  }

  /**
   * @param trains whether the run trains, and does not only test.
   * @throws GorpError `model/…`, `text/…`, `tasks/…`, `settings/…`, `run/too-little-memory`, and what fetching the files
   *   throws; nothing stays allocated then. Stopped.
   */
  async open(trains: boolean): Promise<Opened> {
    const model = await this.#fetch(trains);
    await this.#waitWhilePaused();
    const { known, ...inspected } = await this.#inspect(model, trains); // the host may not have called `inspect`
    const { tasks, protects, replayed, questions, general } = inspected;
    const from = await this.#resumedRun();
    if (from) await checkWeights(from.results, from.what, this.#settings.model, model);
    const { sourceLength, targetLength: asked } = this.#settings.training;
    const targetLength = Math.max(
      targetLengthOf(asked, tasks),
      questions === null ? 0 : questions.longest + ANSWER_TOKENS - sourceLength,
      (this.#host.probes?.length ?? 0) > 0 ? ANSWER_TOKENS : 0,
      replayed.length > 0 ? GENERAL_ANSWER : 0,
      ...protects.map((one) => longestOf(one.map(({ label }) => label))),
    );
    const opened = await discarding(model, () =>
      openNetwork(this.#device, model, { sourceLength, targetLength }, known),
    );
    const { network, storedName } = opened;
    const targets = chosenTargets(this.#settings, network.shapes, opened.targets); // the plan has checked them
    const hasBlocks = [...model.tensors.values()].some(({ blocks }) => blocks !== undefined);
    if (this.#settings.training.frozenWeights === 'stored' || hasBlocks) {
      try {
        await this.#plan(model, tasks, { protects, replayed, questions, general }, (name) =>
          storedTypeOf(model, storedName(name)),
        );
      } catch (thrown) {
        network.destroy();
        throw thrown;
      }
    }
    return { ...opened, ...inspected, answerLength: answerLengthOf(asked, tasks), targets, model };
  }

  /** A pause or stop interrupts a download, which resumes where it stopped. */
  async #fetch(trains: boolean): Promise<ModelFiles> {
    const inspect: InspectTexts = async (texts) => void (await this.#inspect(texts, trains));
    const name = await this.#modelToOpen();
    for (;;) {
      const signal = this.#control.interruption();
      try {
        const opening = this.#host.openModel(name, (at) => this.#reportWeights(at), signal, inspect);
        return await this.#control.untilStopped(opening);
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
        await this.#waitWhilePaused();
      }
    }
  }

  /** The model of the settings; after a round or checkpoint, at the commit it was trained on. */
  async #modelToOpen(): Promise<string> {
    const from = await this.#resumedRun();
    const { model } = this.#settings;
    return from?.results.settings.model === model ? baseOf(from.results) : model;
  }

  /** The run that this one takes up, which was made of the same. */
  async #resumedRun(): Promise<ResumedRun | undefined> {
    if (this.#checkpoint) return { results: this.#checkpoint.results, what: 'checkpoint' };
    const saved = await this.#savedRound();
    return saved && { results: saved.results, what: 'round' };
  }

  #savedRound(): Promise<SavedRound | undefined> {
    if (this.#checkpoint) return Promise.resolve(undefined); // which is newer
    return (this.#saved ??= this.#host.savedRound?.() ?? Promise.resolve(undefined));
  }

  async #inspect(texts: ModelTexts, trains: boolean): Promise<Inspected> {
    if (this.#inspected) return this.#inspected;
    const guard = this.#host.guardTokenizer?.(this.#settings.model);
    this.#progress({ phase: 'tokenize', item: 'tokenizer.json', done: 0, total: 0, unit: 'items' });
    const { training, model } = this.#settings;
    const from = await this.#resumedRun();
    const files = await fileHashes(texts, training);
    if (from) checkFiles(from.results, from.what, model, files);
    const date = training.promptForm === 'chat' ? (from?.results.model.date ?? localTime(new Date())) : undefined;
    const known = await discarding(texts, () => readTexts(texts, { ...training, date }, guard));
    const questions = trains ? await this.#questions(known, texts) : null;
    this.#readingTask(0);
    if (this.#checkpoint) checkSettings(this.#checkpoint, this.#settings);
    const saved = await this.#openRound(texts, trains);
    const { tasks, lessons, taughtBefore } = await this.#prepareTasks(known, trains);
    const protects = await protectedExamples(known.tokenizer, this.#settings, tasks);
    const replayed = await replayedPrompts(known.tokenizer, this.#settings);
    const data = await dataHash(tasks, [...protects, replayed]);
    if (this.#checkpoint) checkSame(this.#checkpoint, this.#settings, data);
    const first = tasks.find(({ train }) => train.length > 0);
    if (first) {
      this.#host.emit({ type: 'reading', task: first.name, tokens: shownReading(known.tokenizer, first.train) });
    }
    const general = await this.#generalText(known, tasks);
    const planned = await this.#plan(texts, tasks, { protects, replayed, questions, general });
    const batchTokens = trainingTokens(this.#settings, tasks, replayed);
    const taught = { lessons, taughtBefore };
    this.#inspected = {
      known,
      tasks,
      protects,
      replayed,
      questions,
      general,
      batchTokens,
      data,
      saved,
      files,
      date,
      planned,
      ...taught,
    };
    return this.#inspected;
  }

  /** The questions of common knowledge, if the run asks them; a note says why it does not. */
  async #questions({ tokenizer, networkOn }: KnownModel, texts: ModelTexts): Promise<AskedQuestions | null> {
    const { training, model } = this.#settings;
    if (training.commonQuestions === 'none') return null;
    const raw = tokenizer.raw ?? tokenizer;
    try {
      const chat = await byChatTemplate(raw, texts, { date: QUESTIONS_DATE });
      const questions = await askedQuestions(chat, training.evaluationBatchSize);
      const lengths = { sourceLength: questions.longest, targetLength: ANSWER_TOKENS };
      networkOn(countingDevice(outlineOf(this.#device)), lengths).destroy(); // refuses more tokens than there are positions
      return questions;
    } catch (thrown) {
      if (!(thrown instanceof GorpError)) throw thrown;
      const message = `Questions of common knowledge are not asked: ${thrown.message}`;
      if (kindOf(model) === 'pre-trained') this.#host.emit({ type: 'warning', message, isNote: true });
      return null;
    }
  }

  /** The round to resume from, checked before the tasks are read, which may take a minute. */
  async #openRound({ config }: ModelTexts, trains: boolean): Promise<SavedRound | undefined> {
    const saved = await this.#savedRound();
    if (saved === undefined) return undefined;
    const { network, targets } = networkOf(countingDevice(outlineOf(this.#device)), config, this.#settings.training);
    checkFits(saved, this.#settings, parametersOf(network));
    checkTrained(saved, this.#settings, modulesOf(network.shapes, targets));
    if (trains) checkCanContinue(saved, this.#settings);
    return saved;
  }

  /** Reads the tasks; those that the model was taught before this run need no files any more. */
  async #prepareTasks(
    { tokenizer }: KnownModel,
    trains: boolean,
  ): Promise<Pick<Opened, 'tasks' | 'lessons' | 'taughtBefore'>> {
    const from = await this.#resumedRun();
    const saved = trains ? await this.#savedRound() : undefined;
    const taughtBefore = this.#checkpoint?.taughtBefore ?? saved?.round ?? 0;
    const lessons = [...((this.#checkpoint ?? saved?.state)?.lessons ?? [])];
    const tasks: EncodedTask[] = [];
    for (const [i, name] of testedTasks(this.#settings).entries()) {
      if (from && i < taughtBefore) {
        const task = await this.#earlierTask(name, from, lessons[i], tokenizer);
        tasks.push(task);
        lessons[i] ??= lessonOf(task, from.results.startedAt, methodTitle(from.results.settings.method));
      } else {
        const task = await this.#readTask(name, tokenizer, from, saved !== undefined);
        if (!task.watched) {
          const taught = lessons.slice(0, taughtBefore).map(({ definition }) => definition);
          for (const doubt of doubtsBeside(task.definition, taught)) this.#warn(`${name}: ${doubt}`);
        }
        tasks.push(task);
      }
      this.#readingTask(i + 1);
      await this.#waitWhilePaused();
    }
    return { tasks, lessons, taughtBefore };
  }

  /** @param mayDiffer whether its texts may be others than in the run that this one takes up, which never learned it. */
  async #readTask(
    name: string,
    tokenizer: Tokenizer,
    from: ResumedRun | undefined,
    mayDiffer = false,
  ): Promise<EncodedTask> {
    // A server that never answers does not delay a stop.
    const { stopSignal } = this.#control;
    const prepared = prepareTask(this.#host, name, this.#settings, tokenizer, this.#warn, stopSignal, (done, total) => {
      this.#progress({ phase: 'tokenize', item: name, done, total, unit: 'examples' });
      return this.#turn();
    });
    const task = await this.#control.untilStopped(prepared);
    if (!from) return task;
    if (!mayDiffer) checkTexts(from.results, from.what, task);
    else if (hasOtherTexts(from.results, name, task.texts))
      this.#warn(
        `${name}: its texts, labels or question have changed since, so what earlier tests of it gave is left out.`,
      );
    return task;
  }

  readonly #warn = (message: string, isNote = false): void =>
    this.#host.emit({ type: 'warning', message, ...(isNote && { isNote }) });

  /**
   * A task that the model was taught before this run. Its tests come with the model; models of versions that stored none
   * are tested if the task is at hand, unchanged.
   */
  async #earlierTask(
    name: string,
    from: ResumedRun,
    lesson: Lesson | undefined,
    tokenizer: Tokenizer,
  ): Promise<EncodedTask> {
    const report = from.results.tasks.find((task) => task.name === name);
    if (report === undefined) throw new Error(`the results do not report ${name}`);
    if (lesson) return earlierTask(report, lesson, tokenizer.size);
    try {
      return { ...(await this.#readTask(name, tokenizer, from)), train: [], validation: [], reported: report };
    } catch (thrown) {
      if (!(thrown instanceof GorpError) || thrown instanceof Stopped) throw thrown;
      this.#warn(`${name} is not tested: ${thrown.message} What the model learned of it stays.`);
      return earlierTask(report, undefined, tokenizer.size);
    }
  }

  /** The text of the settings, as long as an earlier part of the run measured it. @throws GorpError `tasks/…`. */
  async #generalText({ tokenizer }: KnownModel, tasks: readonly EncodedTask[]): Promise<GeneralText | null> {
    const { generalText: name } = this.#settings.training;
    if (name === 'none') return null;
    const own = await textsOfPerson(this.#host, ownText(this.#settings));
    const measured = (this.#checkpoint ?? (await this.#savedRound()))?.results.probes?.generalText;
    const earlier = measured?.name === name ? measured : undefined;
    const found = await generalText(tokenizer, this.#settings, tasks, tasks.map(plannedTask), own, earlier);
    if (found !== null) return found;
    const message =
      'What the model still knows of general text is not measured: its vocabulary lacks most of what the included text is written with.';
    this.#host.emit({ type: 'warning', message, isNote: true });
    return null;
  }

  /** @param index in the order. */
  #readingTask(index: number): void {
    const names = testedTasks(this.#settings);
    const item = names[Math.min(index, names.length - 1)];
    this.#progress({ phase: 'tasks', item, done: index, total: names.length, unit: 'items' });
  }

  /** Reports what the run will take, and refuses too much. */
  async #plan(
    texts: ModelTexts,
    tasks: readonly EncodedTask[],
    { protects, replayed, questions, general }: Pick<Opened, 'protects' | 'replayed' | 'questions' | 'general'>,
    storedAs = storedTypes(modelOutline(texts)),
  ): Promise<PlannedParts> {
    const { config } = texts;
    const { method, training } = this.#settings;
    // The device's planner then knows every kernel that the run asks for.
    const device = { ...outlineOf(this.#device), planner: this.#device.planner };
    const targetLength = answerLengthOf(training.targetLength, tasks);
    try {
      const { network } = networkOf(countingDevice(device), config, { ...training, targetLength });
      const batches = protectedSample(protects, training, spaceSamples(method, network));
      const shares = network.sharesBeginnings && needsOf(planOf(method)).byPrompt !== true;
      const packed = packedRounds(this.#settings, tasks, network);
      const work = workOf(this.#settings, tasks, shares, { protects: batches, replayed, questions, general, packed });
      const { memory: plan, effort } = await planRun({ config, method, training, work, storedAs, device });
      this.#host.emit({
        type: 'memory-plan',
        plan,
        work: workOfRun(this.#settings, tasks.map(plannedTask), effort, packed?.steps),
      });
      checkBudget(plan, allowed(this.#host.memoryBudget ?? null, device), training);
      checkHost(plan, device.kind, this.#host.hostMemory ?? null);
      return { effort, stateBytes: plan.checkpoint, steps: packed?.steps };
    } catch (thrown) {
      throw asRefusal(thrown, training);
    }
  }

  #reportWeights({ file, bytes, totalBytes, source, bytesPerSecond }: ModelProgress): void {
    const total = totalBytes ?? bytes;
    const rate = bytesPerSecond === null ? {} : { bytesPerSecond };
    this.#progress({ phase: 'weights', item: file, done: bytes, total, unit: 'bytes', source, ...rate });
  }

  #progress(progress: Omit<Progress, 'type' | 'round' | 'seconds' | 'timeLeft'>): void {
    const { seconds } = this.#control;
    this.#host.emit({ type: 'progress', round: 0, seconds, timeLeft: null, ...progress });
  }

  /** Receives messages to pause or stop, and obeys them. */
  async #turn(): Promise<void> {
    await nextTurn();
    await this.#waitWhilePaused();
  }

  #waitWhilePaused(): Promise<void> {
    return this.#control.waitWhilePaused({
      onPause: (paused) => this.#host.emit({ type: paused ? 'paused' : 'resumed' }),
      broken: this.#device.lost,
    });
  }
}

/** A person's own general text, if the settings name one. @throws GorpError `tasks/unknown-dataset`. */
async function textsOfPerson(
  host: Pick<RunHost, 'customTask'>,
  name: string | null,
): Promise<{ name: string; texts: string[] } | null> {
  if (name === null) return null;
  const task = await host.customTask(name);
  if (task !== undefined) return { name, texts: textsOf(task) };
  throw new GorpError(
    'tasks/unknown-dataset',
    `The general text is ${name}, which is not among your own tasks.`,
    'Import its file again, or choose the included text (training.generalText).',
  );
}

/** A local time without its zone, such as `2026-11-28T09:30:00`: `new Date` reads it as local again. */
const localTime = (date: Date): string =>
  new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);

export const parametersOf = ({ shapes }: Pick<Network, 'shapes'>): number =>
  [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);

/** Bytes that a run may take: the user's limit and the device's memory. */
function allowed(budget: number | null, { limits }: DeviceOutline): number | null {
  const known = [budget, limits.total].filter((bytes) => bytes !== null);
  return known.length === 0 ? null : Math.min(...known);
}
