import { longestOf } from '../base/batch.ts';
import { countingDevice, type DeviceOutline, outlineOf } from '../device/counting-device.ts';
import { needsOf } from '../gorp/part/method-plan.ts';
import { sizeOf } from '../graph/tensor.ts';
import { planOf } from '../methods/registry.ts';
import type { Network } from '../models/network.ts';
import { type InspectTexts, type ModelFiles, type ModelTexts, modelOutline } from '../weights/model-folder.ts';
import type { ModelProgress } from '../weights/model-messages.ts';
import { type SavedRound, checkCanContinue, checkFits, checkSettings, checkTrained } from './files/saved-round.ts';
import {
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
import { ANSWER_TOKENS, type AskedQuestions } from './probes/common-questions-probe.ts';
import { baseOf, checkFiles, checkWeights, type FileHashes, fileHashes } from './results/identity.ts';
import {
  type OpeningParts,
  type ResumedRun,
  type RunTexts,
  TextReader,
  tellProgress,
  waitWhilePaused,
} from './run-texts.ts';
import { answerLengthOf, targetLengthOf } from './tasks/encoded-task.ts';
import { GENERAL_ANSWER, protectedSample } from './tasks/protected-examples.ts';
import { spaceSamples } from './tasks/space-samples.ts';

/** The parts that a run works with, all known to fit together. */
export interface Opened extends OpenedNetwork, RunTexts {
  readonly model: ModelFiles;
  /** Questions of common knowledge; null if the settings ask none, or the model has no chat template. */
  readonly questions: AskedQuestions | null;
  /** Tokens of the largest batch of training. */
  readonly batchTokens: number;
  /** Maximum number of tokens in an answer, with the end. */
  readonly answerLength: number;
  /** The model of an earlier run to teach more. */
  readonly saved: SavedRound | undefined;
  /** The hashes of the model's small files, and the date that its chat template prints. */
  readonly files: FileHashes;
  readonly date: string | undefined;
  /** Costs of the parts of the run, and the most bytes that its state takes on disk. */
  readonly planned: PlannedParts;
}

/** The results of a plan for those who estimate the time of a run. */
interface PlannedParts {
  readonly effort: Effort;
  readonly stateBytes: number;
  /** Optimizer steps of each round, if its batches are packed by tokens. */
  readonly steps: readonly number[] | undefined;
}

/** The outcome of checking the small files: they are checked once, however often a download resumes. */
interface Inspected
  extends RunTexts, Pick<Opened, 'questions' | 'batchTokens' | 'saved' | 'files' | 'date' | 'planned'> {
  readonly known: KnownModel;
}

/**
 * Opens a run's model and tasks. The model's small files come first. Before the weights are fetched, it checks that the
 * files fit together, that the tasks can be read and that the device can hold the run.
 */
export class Opening {
  readonly #parts: OpeningParts;
  #inspected: Inspected | undefined;
  #saved: Promise<SavedRound | undefined> | undefined;

  constructor(parts: OpeningParts) {
    this.#parts = parts;
  }

  /**
   * @param trains whether the run trains, and does not only test.
   * @throws GorpError `model/…`, `text/…`, `tasks/…`, `settings/…`, `run/too-little-memory`, and what fetching the files
   *   throws; nothing stays allocated then. Stopped.
   */
  async open(trains: boolean): Promise<Opened> {
    const { host, settings, device } = this.#parts;
    const model = await this.#fetch(trains);
    await waitWhilePaused(this.#parts);
    const { known, ...inspected } = await this.#inspect(model, trains); // the host may not have called `inspect`
    const { tasks, protects, replayed, questions } = inspected;
    const from = await this.#resumedRun();
    if (from) await checkWeights(from.results, from.what, settings.model, model);
    const { sourceLength, targetLength: asked } = settings.training;
    const targetLength = Math.max(
      targetLengthOf(asked, tasks),
      questions === null ? 0 : questions.longest + ANSWER_TOKENS - sourceLength,
      (host.probes?.length ?? 0) > 0 ? ANSWER_TOKENS : 0,
      replayed.length > 0 ? GENERAL_ANSWER : 0,
      ...protects.map((one) => longestOf(one.map(({ label }) => label))),
    );
    const byPrompt = needsOf(planOf(settings.method)).byPrompt !== undefined;
    const forTexts = { sourceLength, targetLength, byPrompt };
    const opened = await discarding(model, () => openNetwork(device, model, forTexts, known));
    const { network, storedName } = opened;
    const targets = chosenTargets(settings, network.shapes, opened.targets); // the plan has checked them
    const hasBlocks = [...model.tensors.values()].some(({ blocks }) => blocks !== undefined);
    if (settings.training.frozenWeights === 'stored' || hasBlocks) {
      try {
        await this.#plan(model, inspected, (name) => storedTypeOf(model, storedName(name)));
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
    const { host, control } = this.#parts;
    const name = await this.#modelToOpen();
    for (;;) {
      const signal = control.interruption();
      try {
        const opening = host.openModel(name, (at) => this.#reportWeights(at), signal, inspect);
        return await control.untilStopped(opening);
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
        await waitWhilePaused(this.#parts);
      }
    }
  }

  /** The model of the settings; after a round or checkpoint, at the commit it was trained on. */
  async #modelToOpen(): Promise<string> {
    const from = await this.#resumedRun();
    const { model } = this.#parts.settings;
    return from?.results.settings.model === model ? baseOf(from.results) : model;
  }

  /** The run that this one takes up, which was made of the same. */
  async #resumedRun(): Promise<ResumedRun | undefined> {
    const { checkpoint } = this.#parts;
    if (checkpoint) return { results: checkpoint.results, what: 'checkpoint' };
    const saved = await this.#savedRound();
    return saved && { results: saved.results, what: 'round' };
  }

  #savedRound(): Promise<SavedRound | undefined> {
    const { host, checkpoint } = this.#parts;
    if (checkpoint) return Promise.resolve(undefined); // which is newer
    return (this.#saved ??= host.savedRound?.() ?? Promise.resolve(undefined));
  }

  async #inspect(texts: ModelTexts, trains: boolean): Promise<Inspected> {
    if (this.#inspected) return this.#inspected;
    const { host, settings, checkpoint } = this.#parts;
    const { training, model } = settings;
    const guard = host.guardTokenizer?.(model);
    tellProgress(this.#parts, { phase: 'tokenize', item: 'tokenizer.json', done: 0, total: 0, unit: 'items' });
    const from = await this.#resumedRun();
    const files = await fileHashes(texts, training);
    if (from) checkFiles(from.results, from.what, model, files);
    const date = training.promptForm === 'chat' ? (from?.results.model.date ?? localTime(new Date())) : undefined;
    const known = await discarding(texts, () => readTexts(texts, { ...training, date }, guard));
    const reader = new TextReader({ ...this.#parts, from, saved: trains ? await this.#savedRound() : undefined });
    const questions = trains ? await reader.questions(known, texts) : null;
    reader.tellTask(0);
    if (checkpoint) checkSettings(checkpoint, settings);
    const saved = await this.#openRound(texts, trains);
    const read = { ...(await reader.read(known)), questions };
    const planned = await this.#plan(texts, read);
    const batchTokens = trainingTokens(settings, read.tasks, read.replayed);
    return (this.#inspected = { ...read, known, batchTokens, saved, files, date, planned });
  }

  /** The round to resume from, checked before the tasks are read, which may take a minute. */
  async #openRound({ config }: ModelTexts, trains: boolean): Promise<SavedRound | undefined> {
    const { settings, device } = this.#parts;
    const saved = await this.#savedRound();
    if (saved === undefined) return undefined;
    if (trains) checkCanContinue(saved, settings);
    const { network, targets } = networkOf(countingDevice(outlineOf(device)), config, settings.training);
    checkFits(saved, settings, parametersOf(network));
    checkTrained(saved, settings, modulesOf(network.shapes, targets));
    return saved;
  }

  /** Reports what the run will take, and refuses too much. */
  async #plan(
    texts: ModelTexts,
    { tasks, protects, replayed, questions, general }: RunTexts & Pick<Opened, 'questions'>,
    storedAs = storedTypes(modelOutline(texts)),
  ): Promise<PlannedParts> {
    const { config } = texts;
    const { host, settings, device: own } = this.#parts;
    const { method, training } = settings;
    // The device's planner then knows every kernel that the run asks for.
    const device = { ...outlineOf(own), planner: own.planner };
    const targetLength = answerLengthOf(training.targetLength, tasks);
    try {
      const byPrompt = needsOf(planOf(method)).byPrompt !== undefined;
      const { network } = networkOf(countingDevice(device), config, { ...training, targetLength, byPrompt });
      const batches = protectedSample(protects, training, spaceSamples(method, network));
      const packed = packedRounds(settings, tasks, network);
      const work = workOf(settings, tasks, network.sharesBeginnings, {
        protects: batches,
        replayed,
        questions,
        general,
        packed,
      });
      const { memory: plan, effort } = await planRun({ config, method, training, work, storedAs, device });
      host.emit({
        type: 'memory-plan',
        plan,
        work: workOfRun(settings, tasks.map(plannedTask), effort, packed?.steps),
      });
      checkBudget(plan, allowed(host.memoryBudget ?? null, device), training);
      checkHost(plan, device.kind, host.hostMemory ?? null);
      return { effort, stateBytes: plan.checkpoint, steps: packed?.steps };
    } catch (thrown) {
      throw asRefusal(thrown, training);
    }
  }

  #reportWeights({ file, bytes, totalBytes, source, bytesPerSecond }: ModelProgress): void {
    const total = totalBytes ?? bytes;
    const rate = bytesPerSecond === null ? {} : { bytesPerSecond };
    tellProgress(this.#parts, { phase: 'weights', item: file, done: bytes, total, unit: 'bytes', source, ...rate });
  }
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
