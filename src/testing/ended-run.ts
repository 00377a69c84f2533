import { expect } from 'vitest';
import * as v from 'valibot';
import type { RunEvent } from '../run/events/events.ts';
import { fold } from '../run/events/fold.ts';
import type { RunHost } from '../run/events/host.ts';
import { type Results, ResultsSchema } from '../run/results/results.ts';
import { Run } from '../run/run.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import { losingHost } from './losable.ts';
import { tinyHost } from './tiny-run.ts';

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** Events of a run that has ended. */
class Ended {
  constructor(readonly events: readonly RunEvent[]) {}

  of<T extends RunEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  get last(): RunEvent {
    const event = this.events.at(-1);
    if (!event) throw new Error('The run told nothing.');
    return event;
  }

  /**
   * The results that the events leave, which must match the schema of results files, also after a round trip through
   * JSON.
   */
  get results(): Results {
    const results = this.events.reduce(fold, null);
    if (results === null) throw new Error(`${this.last.type} without results`);
    return v.parse(ResultsSchema, JSON.parse(JSON.stringify(results)));
  }
}

/** The results that the events of a finished run leave. @throws Error that tells how else it ended. */
export function finishedResults(events: readonly RunEvent[]): Results {
  const [last, results] = [events.at(-1), events.reduce(fold, null)];
  if (last?.type !== 'finished' || results === null) throw new Error(JSON.stringify(last).slice(0, 500));
  return results;
}

/**
 * Runs to the end, and checks what every end has in common: one final event, and no buffer left alive.
 *
 * @param interfere receives every event during the run, and what loses its device.
 */
export async function execute(
  settings: RunSettings,
  interfere: (event: RunEvent, run: Run, lose: () => void) => void = () => undefined,
  parts: Partial<RunHost> = {},
): Promise<Ended> {
  const events: RunEvent[] = [];
  const emit = (event: RunEvent): void => {
    events.push(structuredClone(event)); // as it would cross to the page
    interfere(event, run, lose);
  };
  const { host, lose } = losingHost(tinyHost(emit, parts));
  const run = new Run(host, settings);
  await run.execute();
  const ended = new Ended(events);
  expect(['finished', 'stopped', 'failed']).toContain(ended.last.type);
  expect(events.filter(({ type }) => ['finished', 'stopped', 'failed'].includes(type))).toHaveLength(1);
  const memory = ended.of('memory').at(-1);
  if (memory) expect(memory).toMatchObject({ liveBuffers: 0, liveBytes: 0 });
  if (ended.of('begin').length > 0) expect(ended.results.memory.liveBuffersAtEnd).toBe(0);
  return ended;
}

/** True once a phase of a round has reached `done`. */
export const at =
  (phase: EventOf<'progress'>['phase'], round: number, done = 0) =>
  (event: RunEvent): boolean =>
    event.type === 'progress' && event.phase === phase && event.round === round && event.done >= done;

/** Does something the first time that an event matches. */
export function once(
  is: (event: RunEvent) => boolean,
  act: (run: Run, lose: () => void) => void,
): (event: RunEvent, run: Run, lose: () => void) => void {
  let done = false;
  return (event, run, lose) => {
    if (done || !is(event)) return;
    done = true;
    act(run, lose);
  };
}

export const isFraction = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;
