import type { ErrorReport } from '../../base/errors.ts';
import type { BenchReport, Outcome } from '../../bench/report.ts';
import type { Abilities, AnnouncedPart, BenchEvent } from '../../worker/bench/messages.ts';

/** A measurement of the device, in progress or ended. */
export interface Measurement {
  /** `opening` until the device is open. `done`: every part has ended. */
  readonly status: 'opening' | 'measuring' | 'done' | 'stopped' | 'failed';
  /** What is known so far; null before the device is open. */
  readonly report: BenchReport | null;
  readonly parts: readonly AnnouncedPart[];
  /** The part in progress. */
  readonly current: string | null;
  /** Milliseconds since 1970 when the first part began. */
  readonly startedAt: number;
  readonly limitSeconds: number;
  /** Why it failed as a whole. A part's own error is in the report. */
  readonly error: ErrorReport | null;
}

/** What the page knows of the device beyond its name. Plain data. */
export interface BenchState {
  /** Null until known. */
  readonly abilities: Abilities | null;
  /** Why the abilities are unknown. */
  readonly abilitiesProblem: ErrorReport | null;
  /** The last measurement; null if there was none. */
  readonly measurement: Measurement | null;
}

export const NOTHING_MEASURED: BenchState = {
  abilities: null,
  abilitiesProblem: null,
  measurement: null,
};

export const OPENING: Measurement = {
  status: 'opening',
  report: null,
  parts: [],
  current: null,
  startedAt: 0,
  limitSeconds: 0,
  error: null,
};

/** Whether the device is being measured, so that nothing else may use it. */
export const isMeasuring = ({ measurement }: BenchState): boolean =>
  measurement?.status === 'opening' || measurement?.status === 'measuring';

const STOPPED = 'it was stopped';
const BROKEN = 'the measurement had failed';

/** The measurement after an event. Pure. @param now milliseconds since 1970. */
export function applyBenchEvent(state: Measurement, event: BenchEvent, now: number): Measurement {
  switch (event.type) {
    case 'measuring': {
      const { head, parts, limitSeconds } = event;
      return { ...state, status: 'measuring', report: { ...head, parts: [] }, parts, limitSeconds, startedAt: now };
    }
    case 'begun':
      return { ...state, current: event.name };
    case 'ended':
      return { ...state, current: null, report: withOutcome(state.report, event.outcome) };
    case 'done':
      return { ...state, status: 'done', current: null };
    case 'failed':
      return { ...ended(state, BROKEN), status: 'failed', error: event.error };
    case 'abilities':
      return state;
  }
}

/** The measurement after it was stopped. */
export const stopped = (state: Measurement): Measurement => ({ ...ended(state, STOPPED), status: 'stopped' });

/** Parts without an outcome were not run. */
function ended(state: Measurement, reason: string): Measurement {
  const known = new Set(state.report?.parts.map(({ name }) => name));
  const left = state.parts.filter(({ name }) => !known.has(name));
  const report = left.reduce(
    (sum, { name, omitted }) => withOutcome(sum, { name, status: 'not run', reason: omitted ?? reason }),
    state.report,
  );
  return { ...state, report, current: null };
}

const withOutcome = (report: BenchReport | null, outcome: Outcome): BenchReport | null =>
  report === null ? null : { ...report, parts: [...report.parts, outcome] };
