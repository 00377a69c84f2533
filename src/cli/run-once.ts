import type { ErrorReport } from '../base/errors.ts';
import { type RunEvent, SILENCE_MS } from '../run/events/events.ts';
import type { RunHost } from '../run/events/host.ts';
import type { Results } from '../run/results/results.ts';
import { Run } from '../run/run.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import { EXIT, exitCodeOf } from './exit.ts';

/** Signals that end a process: from Ctrl-C, the system or a scheduler, and a closing terminal. */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How a run ended. */
interface Ended {
  exit: number;
  results: Results | null;
  error: ErrorReport | null;
}

/**
 * One run, to its end. Ctrl-C, SIGTERM and SIGHUP stop it at the next step, with its results so far; a second one ends
 * the process. A run that then tells nothing for {@link SILENCE_MS} stands still and is abandoned: the process ends with
 * the results so far.
 *
 * @param host all that a run needs except `emit`.
 * @param report told every event with the results after it.
 * @param work `execute` or `evaluate`.
 */
export async function runOnce(
  host: Omit<RunHost, 'emit'>,
  settings: RunSettings,
  report: (event: RunEvent, results: Results | null) => void,
  work: 'execute' | 'evaluate' = 'execute',
): Promise<Ended> {
  const ended: Ended = { exit: EXIT.internal, results: null, error: null };
  let heardAt = host.now();
  const emit = (event: RunEvent): void => {
    ended.results = run.results;
    report(event, ended.results);
    heardAt = host.now();
    if (event.type === 'finished') ended.exit = EXIT.ok;
    else if (event.type === 'stopped') ended.exit = EXIT.interrupted;
    else if (event.type === 'failed') {
      ended.error = event.error;
      ended.exit = exitCodeOf(event.error.code);
    }
  };
  const run = new Run({ ...host, emit }, settings);
  let overdue: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  const isOverdue = new Promise<true>((resolve) => {
    const check = (): void => {
      if (host.now() - heardAt < SILENCE_MS) overdue = setTimeout(check, SILENCE_MS);
      else resolve(true);
    };
    stop = () => {
      stopListening();
      overdue = setTimeout(check, SILENCE_MS);
      run.stop();
    };
  });
  // Nobody listens after the first signal, so the system ends the process at the second, even while a driver that compiles
  // holds up the thread.
  const stopListening = (): void => STOPPING.forEach((signal) => process.off(signal, stop));
  for (const signal of STOPPING) process.on(signal, stop);
  try {
    if (await Promise.race([run[work](), isOverdue])) ended.exit = EXIT.interrupted;
  } finally {
    clearTimeout(overdue);
    stopListening();
  }
  return ended;
}
