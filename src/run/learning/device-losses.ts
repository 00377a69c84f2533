import { GorpError } from '../../base/errors.ts';

/** This many losses in this many minutes end the run: resuming does not fix the cause. */
export const MAX_LOSSES = 3;
const MINUTES = 10;

/** When a loss happened, by both clocks. */
interface Moment {
  readonly worked: number;
  readonly date: number;
}

/** The losses of a run's devices. */
export class DeviceLosses {
  readonly #now: () => Moment;
  #times: Moment[] = [];

  /**
   * @param worked milliseconds, not counting sleep: a machine that slept has often lost its device.
   * @param date milliseconds, counting sleep; may be set back.
   */
  constructor(worked: () => number, date = Date.now) {
    this.#now = () => ({ worked: worked(), date: date() });
  }

  /**
   * Counts a loss. Losses are as far apart as the clock says that counted more.
   *
   * @throws GorpError `device/lost` when it is one too many.
   */
  add(loss: GorpError): void {
    const now = this.#now();
    const isRecent = ({ worked, date }: Moment): boolean =>
      Math.max(now.worked - worked, now.date - date) < MINUTES * 60_000;
    this.#times = [...this.#times.filter(isRecent), now];
    if (this.#times.length < MAX_LOSSES) return;
    throw new GorpError(
      loss.code,
      `${loss.message} This happened ${MAX_LOSSES} times within ${MINUTES} minutes.`,
      // Chromium offers no adapter for two minutes after its GPU process has crashed twice.
      'Close other programs that use the GPU, wait three minutes, and resume from the last checkpoint; or use a smaller batch, or the CPU.',
      { cause: loss },
    );
  }
}
