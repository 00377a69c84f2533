import type { TimeLeft } from '../planning/work-left.ts';
import { GorpError, reportOf } from '../../base/errors.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import type { RoundOutput, RunHost } from '../events/host.ts';
import type { DataPosition } from '../files/layout.ts';
import { type EndedRound, resultFiles, roundFiles, testFiles } from '../files/round-files.ts';
import { bytesOf, type RunState, stateFiles, type WrittenFiles } from '../files/saved-run.ts';
import { isTested } from '../results/measures.ts';
import type { Results } from '../results/results.ts';
import type { RunControl } from './control.ts';
import type { TestOfTask } from './run-context.ts';

const EVERY_MS = 200;

/** Passes counts of bytes on, at most five times a second. @param now milliseconds, of any clock. */
function sparsely(now: () => number, report: (bytes: number) => void): (bytes: number) => void {
  let last = now();
  return (bytes) => {
    if (now() - last < EVERY_MS) return;
    last = now();
    report(bytes);
  };
}

// A page that is hidden repeatedly does not save each time.
const LEAST_SECONDS = 15;
/** Maximum share of a run's time that checkpoints take. */
const MOST_SHARE = 0.05;

/**
 * Saves the checkpoints of a run when they are due, less often if they would take more than a twentieth of its time. A
 * failure to save does not end the run.
 */
export class Checkpointer {
  readonly #host: Pick<RunHost, 'checkpoints' | 'emit' | 'now'>;
  #savedAt: number;
  /** Seconds that saving the last one took. */
  #took = 0;
  #isAsked = false;
  #saved = '';
  /** The files of the last two checkpoints of this learner, the last one last. */
  #written: readonly (WrittenFiles | undefined)[] = [];

  constructor(host: Pick<RunHost, 'checkpoints' | 'emit' | 'now'>) {
    this.#host = host;
    this.#savedAt = host.now();
  }

  /** The run begins or resumes at a place: there is nothing to save until it has done more. */
  begin(place: DataPosition, results: Results): void {
    this.#saved = keyOf(place, results);
    this.#written = [];
    this.#savedAt = this.#host.now();
  }

  /** Whether the last checkpoint, or what the run began from, is this place. */
  has(place: DataPosition, results: Results): boolean {
    return keyOf(place, results) === this.#saved;
  }

  /** Seconds that the last checkpoint took to save. */
  get seconds(): number {
    return this.#took;
  }

  /** Whether checkpoints are saved at all. */
  get isOn(): boolean {
    return this.#host.checkpoints !== undefined;
  }

  /** Whether enough time has passed since the last one, or one was requested. */
  get isDue(): boolean {
    const { checkpoints } = this.#host;
    if (checkpoints === undefined) return false;
    const seconds = (this.#host.now() - this.#savedAt) / 1000;
    return seconds >= this.#every(checkpoints.everySeconds) || (this.#isAsked && seconds >= LEAST_SECONDS);
  }

  /** Seconds from the end of one checkpoint to the next. Who asks for 0 gets one at every step. */
  #every(asked: number): number {
    return asked === 0 ? 0 : Math.max(asked, this.#took * (1 / MOST_SHARE - 1));
  }

  /** Share of the time that checkpoints will take if they go on as the last. */
  get share(): number {
    const { checkpoints } = this.#host;
    return checkpoints === undefined || this.#took === 0
      ? 0
      : this.#took / (this.#every(checkpoints.everySeconds) + this.#took);
  }

  /** Requests one as soon as possible: the page may close. */
  ask(): void {
    this.#isAsked = true;
  }

  /**
   * Saves a checkpoint, unless the last one has the same place.
   *
   * @param timeLeft of the run, to report while saving.
   * @throws what the device throws while its state is read.
   */
  async save(checkpoint: RunState, timeLeft: TimeLeft | null): Promise<void> {
    const { checkpoints: store, emit, now } = this.#host;
    if (store === undefined || this.has(checkpoint.place, checkpoint.results)) return;
    const [before, last] = this.#written;
    const total = bytesOf(checkpoint, before);
    const tell = (done: number): void => {
      const { place, results, learner } = checkpoint;
      const item = `step ${learner.progress.totalSteps}`;
      const where = { phase: 'checkpoint', round: place.round, item } as const;
      emit({ type: 'progress', ...where, done, total, unit: 'bytes', seconds: results.seconds, timeLeft });
    };
    const began = now();
    tell(0);
    try {
      const { files, written } = stateFiles(checkpoint, 'checkpoint', {
        onBytes: sparsely(now, (bytes) => tell(Math.min(bytes, total))),
        before,
      });
      await store.save(files);
      [this.#saved, this.#written] = [keyOf(checkpoint.place, checkpoint.results), [last, written]];
    } catch (thrown) {
      const { code, message, nextStep } = reportOf(thrown);
      if (code.startsWith('device/')) throw thrown;
      emit({ type: 'warning', message: `The checkpoint could not be saved: ${message} ${nextStep}` });
    }
    this.#isAsked = false;
    this.#savedAt = now();
    this.#took = (this.#savedAt - began) / 1000;
  }
}

/** Names what a run has done: two checkpoints of one name would be the same. */
function keyOf({ round, phase, steps }: DataPosition, { tasks, accuracy, probes = {} }: Results): string {
  const tested = tasks.filter((_, task) => isTested(accuracy, round, task));
  const { commonQuestions, generalText, own = [] } = probes;
  const probed = [commonQuestions, generalText, ...own].map((probe) => probe?.rounds.length ?? 0);
  return [round, phase, steps, tested.length, ...probed].join(' ');
}

/** The parts that saving the files of rounds needs. */
interface RoundSaverParts {
  readonly host: RunHost;
  readonly control: RunControl;
  readonly model: ModelFiles;
  readonly orderFolder: string;
  readonly progress: (folder: string, done: number, total: number, unit: 'items' | 'bytes') => void;
  /** Called with the seconds that saving took. */
  readonly saved: (seconds: number) => void;
  /** Waits until a person resumes the run. @throws Stopped */
  readonly waitForPerson: () => Promise<void>;
}

/**
 * Passes the files of rounds to the host. A run never goes on without them: it waits for room, or ends, so that it can
 * resume from its last checkpoint and save them.
 */
export class RoundSaver {
  readonly #parts: RoundSaverParts;

  constructor(parts: RoundSaverParts) {
    this.#parts = parts;
  }

  /** @param state all that the next round depends on. */
  async saveRound(folder: string, ended: EndedRound, state: RunState): Promise<void> {
    const { host, model, orderFolder, progress } = this.#parts;
    const total = bytesOf(state);
    const onBytes = sparsely(
      () => host.now(),
      (bytes) => progress(folder, Math.min(bytes, total), total, 'bytes'),
    );
    const trained = await roundFiles(state, model, onBytes);
    await this.#save({ orderFolder, roundFolder: folder, results: resultFiles(ended), trained, soFar: state.results });
  }

  /** The files of a test without training. */
  async saveTests(tests: TestOfTask[], soFar: Results): Promise<void> {
    const { orderFolder } = this.#parts;
    await this.#save({ orderFolder, roundFolder: 'test', results: testFiles(tests), trained: [], soFar });
  }

  async #save(output: RoundOutput): Promise<void> {
    const { host, control, progress, saved, waitForPerson } = this.#parts;
    if (!host.saveRound) return;
    for (;;) {
      progress(output.roundFolder, 0, 1, 'items');
      const began = control.seconds;
      try {
        await host.saveRound(output);
        saved(control.seconds - began);
        return;
      } catch (thrown) {
        const { code, message, nextStep } = reportOf(thrown);
        if (!code.startsWith('store/')) throw thrown;
        const what = `The files of ${output.roundFolder} could not be saved: ${message}`;
        if (code === 'store/unavailable') {
          host.emit({ type: 'warning', message: `${what} ${nextStep}` });
          return;
        }
        if (host.waitsForRoom !== true) {
          throw new GorpError(code, what, `${nextStep} Then resume the run: it saves them again.`, { cause: thrown });
        }
        const then = 'Nothing is lost: the run waits with them. Then press Resume to save them.';
        host.emit({ type: 'warning', message: `${what} ${nextStep} ${then}` });
        control.hold();
        await waitForPerson();
      }
    }
  }
}
