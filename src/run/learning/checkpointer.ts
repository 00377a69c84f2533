import { reportOf } from '../../base/errors.ts';
import type { RunHost } from '../events/host.ts';
import { sparsely } from '../files/byte-reports.ts';
import { isTested } from '../results/measures.ts';
import type { Results } from '../results/results.ts';
import type { DataPosition } from '../files/data-position.ts';
import { bytesOf, type RunState, stateFiles, type WrittenFiles } from '../files/saved-run.ts';

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
  /** What the last two checkpoints of this learner hold, the last one last. */
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
   * @param secondsLeft of the run, to report while saving.
   * @throws what the device throws while its state is read.
   */
  async save(checkpoint: RunState, secondsLeft: number | null): Promise<void> {
    const { checkpoints: store, emit, now } = this.#host;
    if (store === undefined || this.has(checkpoint.place, checkpoint.results)) return;
    const [before, last] = this.#written;
    const total = bytesOf(checkpoint, before);
    const tell = (done: number): void => {
      const { place, results, learner } = checkpoint;
      const item = `step ${learner.progress.totalSteps}`;
      const where = { phase: 'checkpoint', round: place.round, item } as const;
      emit({ type: 'progress', ...where, done, total, unit: 'bytes', seconds: results.seconds, secondsLeft });
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
function keyOf({ round, phase, steps }: DataPosition, { tasks, accuracy }: Results): string {
  const tested = tasks.filter((_, task) => isTested(accuracy, round, task));
  return [round, phase, steps, tested.length].join(' ');
}
