import { GorpError, reportOf } from '../../base/errors.ts';
import { tokenizerTooSlow } from '../../base/tokenizer-guard.ts';
import type { RunEvent } from '../../run/events/events.ts';
import { isSaving, STOP_MS } from '../../run/events/stop-limit.ts';
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

const ENDED = `The training worker did not respond to Stop within ${STOP_MS / 1000} seconds, so the page ended it.`;

/**
 * Sessions that end their worker as a last resort: if it does not respond to Stop in time, or if the model's tokenizer
 * hangs on a text. What it has reported until then is the result of the run. The worker cannot do this itself, since it then receives no messages.
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
  /** Seconds since Stop, or since the run last reported that it is saving; null before Stop. */
  #unanswered: number | null = null;

  constructor(open: OpenSession, onEvent: (event: RunEvent) => void) {
    this.#onEvent = onEvent;
    this.#session = open((event) => this.#hear(event));
  }

  readonly send = (command: WorkerCommand): void => {
    if (command.type === 'start') {
      this.#model = command.settings.model;
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    } else if (command.type === 'stop') this.#unanswered ??= 0;
    this.#session.send(command);
  };

  readonly close = (): void => {
    clearInterval(this.#timer);
    this.#session.close();
  };

  #hear(event: RunEvent): void {
    this.#silent = 0;
    this.#isTokenizing = event.type === 'progress' && event.phase === 'tokenize';
    if (this.#unanswered !== null && isSaving(event)) this.#unanswered = 0;
    this.#hasBegun ||= event.type === 'begin';
    if (event.type === 'finished' || event.type === 'stopped' || event.type === 'failed') clearInterval(this.#timer);
    this.#onEvent(event);
  }

  #tick(): void {
    this.#silent += TICK_MS / 1000;
    if (this.#unanswered !== null) {
      this.#unanswered += TICK_MS / 1000;
      if (this.#unanswered >= STOP_MS / 1000) this.#stop();
    } else if (this.#isTokenizing && this.#silent >= TOKENIZER_SECONDS) {
      this.#fail(tokenizerTooSlow(this.#model, TOKENIZER_SECONDS));
    }
  }

  #stop(): void {
    if (!this.#hasBegun) {
      this.#fail(new GorpError('worker/no-answer', ENDED, 'Nothing had been measured yet: start again.'));
      return;
    }
    this.close();
    this.#onEvent({ type: 'warning', message: `${ENDED} The results hold what was measured until then.` });
    this.#onEvent({ type: 'stopped', results: null });
  }

  #fail(error: GorpError): void {
    this.close();
    this.#onEvent({ type: 'failed', error: reportOf(error), results: null });
  }
}
