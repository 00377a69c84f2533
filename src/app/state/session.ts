import { GorpError, reportOf } from '../../base/errors.ts';
import { tokenizerTooSlow } from '../../base/tokenizer-guard.ts';
import { type RunEvent, SILENCE_MS } from '../../run/events/events.ts';
import type { WorkerCommand } from '../../worker/protocol.ts';
import { openSession, type WorkerSession } from './worker-client.ts';

/** A training worker. The page uses only this interface, so that tests can replace it with a script. */
export type TrainingSession = WorkerSession<WorkerCommand>;

/** Opens a session whose events go to `onEvent`. Faults of the worker itself arrive as a `failed` event. */
export type OpenSession = (onEvent: (event: RunEvent) => void) => TrainingSession;

/** A session in a Web Worker: one worker for one run. */
export const openWorkerSession: OpenSession = (onEvent) =>
  openSession<WorkerCommand, RunEvent>(
    () => new Worker(new URL('../../worker/train.ts', import.meta.url), { type: 'module', name: 'training' }),
    {
      name: 'The training worker',
      nextStep: 'Reload the page and start again. If it happens again, choose a smaller batch or a smaller model.',
      onEvent,
      onError: (error) => onEvent({ type: 'failed', error, results: null }),
    },
  );

const TICK_MS = 1000;
/** The page ends a tokenising worker after this many silent seconds; it normally reports every few milliseconds. */
export const TOKENIZER_SECONDS = 10;

const STOOD_STILL = `The training worker gave no sign of life for ${SILENCE_MS / 1000} seconds after Stop, so the page ended it.`;
const ENDED = 'The training worker was ended before it could save what it had learned since the last checkpoint.';

/**
 * Sessions that end their worker as a last resort: if it gives no sign of life after Stop, if Stop is sent once more, or
 * if the model's tokenizer hangs on a text. What it has reported until then is the result of the run. A worker that
 * stands still cannot do this itself, since it receives no messages.
 */
export const watched =
  (open: OpenSession): OpenSession =>
  (onEvent) =>
    new WatchedSession(open, onEvent);

class WatchedSession implements TrainingSession {
  readonly #session: TrainingSession;
  readonly #onEvent: (event: RunEvent) => void;
  #hasBegun = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #model = '';
  #isTokenizing = false;
  /** Seconds since the last event, not counting time in which the machine sleeps. */
  #silent = 0;
  #isStopping = false;

  constructor(open: OpenSession, onEvent: (event: RunEvent) => void) {
    this.#onEvent = onEvent;
    this.#session = open((event) => this.#hear(event));
  }

  readonly send = (command: WorkerCommand): void => {
    if (command.type === 'start') {
      this.#model = command.settings.model;
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    } else if (command.type === 'stop') {
      if (this.#isStopping) return this.#end(ENDED);
      [this.#isStopping, this.#silent] = [true, 0];
    }
    this.#session.send(command);
  };

  readonly close = (): void => {
    clearInterval(this.#timer);
    this.#session.close();
  };

  #hear(event: RunEvent): void {
    this.#silent = 0;
    this.#isTokenizing = event.type === 'progress' && event.phase === 'tokenize';
    this.#hasBegun ||= event.type === 'begin';
    if (event.type === 'finished' || event.type === 'stopped' || event.type === 'failed') clearInterval(this.#timer);
    this.#onEvent(event);
  }

  #tick(): void {
    this.#silent += TICK_MS / 1000;
    if (this.#isStopping) {
      if (this.#silent >= SILENCE_MS / 1000) this.#end(STOOD_STILL);
    } else if (this.#isTokenizing && this.#silent >= TOKENIZER_SECONDS) {
      this.#fail(tokenizerTooSlow(this.#model, TOKENIZER_SECONDS));
    }
  }

  #end(why: string): void {
    if (!this.#hasBegun) {
      this.#fail(new GorpError('worker/no-answer', why, 'Nothing had been measured yet: start again.'));
      return;
    }
    this.close();
    this.#onEvent({ type: 'warning', message: `${why} The results hold what was measured until then.` });
    this.#onEvent({ type: 'stopped', results: null });
  }

  #fail(error: GorpError): void {
    this.close();
    this.#onEvent({ type: 'failed', error: reportOf(error), results: null });
  }
}
