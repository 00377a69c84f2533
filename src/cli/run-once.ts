import { reportOf, type ErrorReport } from '../base/errors.ts';
import type { RunEvent } from '../run/events.ts';
import type { RunHost } from '../run/host.ts';
import type { Results } from '../run/results.ts';
import { Run } from '../run/run.ts';
import type { RunSettings } from '../run/settings.ts';
import { isSaving, STOP_MS } from '../run/stop-limit.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';

/** What asks a process to end: Ctrl-C, the system or a scheduler, and a terminal that goes away. */
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How a run ended. */
export interface Ended {
  exit: number;
  results: Results | null;
  error: ErrorReport | null;
  /** Whether files of a round could not be written. */
  lostFiles: boolean;
}

/**
 * One run, to its end. Ctrl-C, SIGTERM and SIGHUP stop it at the next step, with what it has; a second one ends the process.
 * A run that does not heed that within {@link STOP_MS} is left as it is, for the process to end with what was measured.
 *
 * @param host all that a run needs but `emit`.
 * @param work `execute` or `evaluate`.
 */
export async function runOnce(
  host: Omit<RunHost, 'emit'>,
  settings: RunSettings,
  report: (event: RunEvent) => void,
  work: 'execute' | 'evaluate' = 'execute',
): Promise<Ended> {
  const ended: Ended = { exit: EXIT.internal, results: null, error: null, lostFiles: false };
  let savedAt = -Infinity;
  const emit = (event: RunEvent): void => {
    report(event);
    if (isSaving(event)) savedAt = host.now();
    if ('results' in event) ended.results = event.results;
    if (event.type === 'finished') ended.exit = EXIT.ok;
    else if (event.type === 'stopped') ended.exit = EXIT.interrupted;
    else if (event.type === 'failed') {
      ended.error = event.error;
      ended.exit = exitCodeOf(event.error.code);
    }
  };
  const { saveRound } = host;
  const run = new Run(
    {
      ...host,
      emit,
      ...(saveRound && {
        saveRound: async (output) => {
          try {
            await saveRound(output);
          } catch (thrown) {
            ended.lostFiles = !reportOf(thrown).code.startsWith('device/');
            throw thrown;
          }
        },
      }),
    },
    settings,
  );
  let overdue: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  const isOverdue = new Promise<true>((resolve) => {
    const check = (): void => {
      if (host.now() - savedAt < STOP_MS) overdue = setTimeout(check, STOP_MS);
      else resolve(true);
    };
    stop = () => {
      stopListening();
      overdue = setTimeout(check, STOP_MS);
      run.stop();
    };
  });
  // Nobody listens after the first signal, so the system ends the process at the second, even while a driver that compiles
  // holds up the thread.
  const stopListening = (): void => STOPPING.forEach((signal) => process.off(signal, stop));
  for (const signal of STOPPING) process.on(signal, stop);
  try {
    if (await Promise.race([run[work](), isOverdue])) {
      ended.results = run.resultsSoFar;
      ended.exit = EXIT.interrupted;
    }
  } finally {
    clearTimeout(overdue);
    stopListening();
  }
  if (ended.exit === EXIT.ok && ended.lostFiles) ended.exit = EXIT.input;
  return ended;
}
