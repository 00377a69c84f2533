import { GorpError } from '../base/errors.ts';
import { nextTurn } from '../base/next-turn.ts';
import { countingDevice, outlineOf } from '../device/counting-device.ts';
import type { Device } from '../device/device.ts';
import { methodTitle } from '../methods/registry.ts';
import { doubtsBeside } from '../tasks/custom-task.ts';
import type { EncodedExample } from '../tasks/fit.ts';
import { shownReading } from '../tasks/reading.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import type { RunEvent } from './events/events.ts';
import type { RunHost } from './events/host.ts';
import { type SavedRound, checkSame } from './files/saved-round.ts';
import type { SavedRun } from './files/saved-run.ts';
import { type RunControl, Stopped } from './learning/control.ts';
import { byChatTemplate, type KnownModel } from './models/open-network.ts';
import { plannedTask } from './planning/planned-work.ts';
import { ANSWER_TOKENS, type AskedQuestions, askedQuestions, QUESTIONS_DATE } from './probes/common-questions-probe.ts';
import { generalText, type GeneralText, textsOf } from './probes/general-text.ts';
import { checkTexts, hasOtherTexts, type ResumeSource } from './results/identity.ts';
import type { Results } from './results/results.ts';
import { ownText, type RunSettings, testedTasks } from './settings/settings.ts';
import { kindOf } from './settings/starting-values.ts';
import type { EncodedTask } from './tasks/encoded-task.ts';
import { earlierTask, type Lesson, lessonOf } from './tasks/lessons.ts';
import { dataHash, type ProtectedExamples, protectedExamples, replayedPrompts } from './tasks/protected-examples.ts';
import { prepareTask } from './tasks/task-data.ts';

/** All texts of a run, as its model reads them. */
export interface RunTexts {
  readonly tasks: EncodedTask[];
  readonly protects: ProtectedExamples;
  /** General prompts that the base model answers to have them replayed; none with most methods. */
  readonly replayed: readonly EncodedExample[];
  /** The text by which the run measures what its model could do before; null if it does not, or the model reads none of it. */
  readonly general: GeneralText | null;
  /** Names the tasks' examples: see {@link dataHash}. */
  readonly data: string;
  /** The tasks that the model has been taught, as far as this run has come. */
  readonly lessons: readonly Lesson[];
  /** How many of them when this run began: their tasks come first in the order. */
  readonly taughtBefore: number;
}

/** The parts that open a run. */
export interface OpeningParts {
  readonly host: RunHost;
  readonly settings: RunSettings;
  readonly control: RunControl;
  readonly device: Device;
  /** A checkpoint of the same run, to resume from; the model is the one it was trained on. */
  readonly checkpoint: SavedRun | undefined;
}

/** The run that this one takes up, which was made of the same. */
export interface ResumedRun {
  readonly results: Results;
  readonly what: ResumeSource;
}

/** Reports how far the opening of a run has come. */
export function tellProgress(
  { host, control }: OpeningParts,
  progress: Omit<Extract<RunEvent, { type: 'progress' }>, 'type' | 'round' | 'seconds' | 'timeLeft'>,
): void {
  host.emit({ type: 'progress', round: 0, seconds: control.seconds, timeLeft: null, ...progress });
}

/** A place where the opening of a run may pause or stop. @throws Stopped, GorpError `device/lost`. */
export const waitWhilePaused = ({ host, control, device }: OpeningParts): Promise<void> =>
  control.waitWhilePaused({
    onPause: (paused) => host.emit({ type: paused ? 'paused' : 'resumed' }),
    broken: device.lost,
  });

/** The parts that read the texts of a run. */
interface ReadingParts extends OpeningParts {
  /** The run that this one takes up. */
  readonly from: ResumedRun | undefined;
  /** The round that a run which trains takes up. */
  readonly saved: SavedRound | undefined;
}

/** Reads and encodes the texts of a run: its tasks, those that its model was taught before, and what it is probed by. */
export class TextReader {
  readonly #parts: ReadingParts;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
  }

  /** @throws GorpError `text/…`, `tasks/…`, `run/bad-checkpoint`; Stopped. */
  async read({ tokenizer }: KnownModel): Promise<RunTexts> {
    const { host, settings, checkpoint } = this.#parts;
    const taught = await this.#tasks(tokenizer);
    const { tasks } = taught;
    const protects = await protectedExamples(tokenizer, settings, tasks);
    const replayed = await replayedPrompts(tokenizer, settings);
    const data = await dataHash(tasks, [...protects, replayed]);
    if (checkpoint) checkSame(checkpoint, settings, data);
    const first = tasks.find(({ train }) => train.length > 0);
    if (first) host.emit({ type: 'reading', task: first.name, tokens: shownReading(tokenizer, first.train) });
    return { ...taught, protects, replayed, data, general: await this.#generalText(tokenizer, tasks) };
  }

  /** The questions of common knowledge, if the run asks them; a note says why it does not. */
  async questions({ tokenizer, networkOn }: KnownModel, texts: ModelTexts): Promise<AskedQuestions | null> {
    const { host, settings, device } = this.#parts;
    const { training, model } = settings;
    if (training.commonQuestions === 'none') return null;
    const raw = tokenizer.raw ?? tokenizer;
    try {
      const chat = await byChatTemplate(raw, texts, { date: QUESTIONS_DATE });
      const questions = await askedQuestions(chat, training.evaluationBatchSize);
      const lengths = { sourceLength: questions.longest, targetLength: ANSWER_TOKENS };
      networkOn(countingDevice(outlineOf(device)), lengths).destroy(); // refuses more tokens than there are positions
      return questions;
    } catch (thrown) {
      if (!(thrown instanceof GorpError)) throw thrown;
      const message = `Questions of common knowledge are not asked: ${thrown.message}`;
      if (kindOf(model) === 'pre-trained') host.emit({ type: 'warning', message, isNote: true });
      return null;
    }
  }

  /** Reads the tasks; those that the model was taught before this run need no files any more. */
  async #tasks(tokenizer: Tokenizer): Promise<Pick<RunTexts, 'tasks' | 'lessons' | 'taughtBefore'>> {
    const { settings, checkpoint, from, saved } = this.#parts;
    const taughtBefore = checkpoint?.taughtBefore ?? saved?.round ?? 0;
    const lessons = [...((checkpoint ?? saved?.state)?.lessons ?? [])];
    const tasks: EncodedTask[] = [];
    for (const [i, name] of testedTasks(settings).entries()) {
      if (from && i < taughtBefore) {
        const task = await this.#earlierTask(name, from, lessons[i], tokenizer);
        tasks.push(task);
        lessons[i] ??= lessonOf(task, from.results.startedAt, methodTitle(from.results.settings.method));
      } else {
        const task = await this.#readTask(name, tokenizer, saved !== undefined);
        if (!task.watched) {
          const taught = lessons.slice(0, taughtBefore).map(({ definition }) => definition);
          for (const doubt of doubtsBeside(task.definition, taught)) this.#warn(`${name}: ${doubt}`);
        }
        tasks.push(task);
      }
      this.tellTask(i + 1);
      await waitWhilePaused(this.#parts);
    }
    return { tasks, lessons, taughtBefore };
  }

  /** @param mayDiffer whether its texts may be others than in the run that this one takes up, which never learned it. */
  async #readTask(name: string, tokenizer: Tokenizer, mayDiffer = false): Promise<EncodedTask> {
    const { host, settings, control, from } = this.#parts;
    // A server that never answers does not delay a stop.
    const { stopSignal } = control;
    const prepared = prepareTask(host, name, settings, tokenizer, this.#warn, stopSignal, (done, total) => {
      tellProgress(this.#parts, { phase: 'tokenize', item: name, done, total, unit: 'examples' });
      return nextTurn().then(() => waitWhilePaused(this.#parts)); // receives messages to pause or stop, and obeys them
    });
    const task = await control.untilStopped(prepared);
    if (!from) return task;
    if (!mayDiffer) checkTexts(from.results, from.what, task);
    else if (hasOtherTexts(from.results, name, task.texts))
      this.#warn(
        `${name}: its texts, labels or question have changed since, so what earlier tests of it gave is left out.`,
      );
    return task;
  }

  readonly #warn = (message: string, isNote = false): void =>
    this.#parts.host.emit({ type: 'warning', message, ...(isNote && { isNote }) });

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
      return { ...(await this.#readTask(name, tokenizer)), train: [], validation: [], reported: report };
    } catch (thrown) {
      if (!(thrown instanceof GorpError) || thrown instanceof Stopped) throw thrown;
      this.#warn(`${name} is not tested: ${thrown.message} What the model learned of it stays.`);
      return earlierTask(report, undefined, tokenizer.size);
    }
  }

  /** The text of the settings, as long as an earlier part of the run measured it. @throws GorpError `tasks/…`. */
  async #generalText(tokenizer: Tokenizer, tasks: readonly EncodedTask[]): Promise<GeneralText | null> {
    const { host, settings, from } = this.#parts;
    const { generalText: name } = settings.training;
    if (name === 'none') return null;
    const own = await textsOfPerson(host, ownText(settings));
    const measured = from?.results.probes?.generalText;
    const earlier = measured?.name === name ? measured : undefined;
    const found = await generalText(tokenizer, settings, tasks, tasks.map(plannedTask), own, earlier);
    if (found !== null) return found;
    const message =
      'What the model still knows of general text is not measured: its vocabulary lacks most of what the included text is written with.';
    host.emit({ type: 'warning', message, isNote: true });
    return null;
  }

  /** Reports which task is being read. @param index in the order. */
  tellTask(index: number): void {
    const names = testedTasks(this.#parts.settings);
    const item = names[Math.min(index, names.length - 1)];
    tellProgress(this.#parts, { phase: 'tasks', item, done: index, total: names.length, unit: 'items' });
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
