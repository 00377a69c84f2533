import type { ErrorReport } from '../../base/errors.ts';
import type { RunEvent } from '../../run/events/events.ts';
import { fold } from '../../run/events/fold.ts';
import type { MemoryPlan } from '../../run/planning/memory-plan.ts';
import type { DeviceReport, Results } from '../../run/results/results.ts';
import type { RunSettings } from '../../run/settings/settings.ts';

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

/**
 * The status of a run. `pausing` and `stopping` last from the click to the worker's answer, `keeping` until what was
 * learned is tested and saved.
 */
export type RunStatus =
  | 'idle'
  | 'starting'
  | 'running'
  | 'pausing'
  | 'paused'
  | 'keeping'
  | 'stopping'
  | 'finished'
  | 'stopped'
  | 'failed';

/** A run as the page knows it: its results so far, and what only a running one has. Plain data. */
export interface PageRun {
  status: RunStatus;
  /** The settings that the run started with; the form may differ by now. */
  settings: RunSettings | null;
  device: DeviceReport | null;
  /** Planned steps of each round; empty until tasks and model are known. */
  stepsPerRound: readonly number[];
  progress: EventOf<'progress'> | null;
  /** Seconds until a run that was asked to stop has ended; null if unknown. */
  stopsIn: number | null;
  tokensPerSecond: number | null;
  /** The first example as the model reads it. */
  reading: EventOf<'reading'> | null;
  memoryPlan: MemoryPlan | null;
  memory: EventOf<'memory'> | null;
  warnings: readonly string[];
  /** Notes on what happens by design, but is worth knowing. */
  notes: readonly string[];
  /** As if the run were stopped now; null until tasks and model are known. */
  results: Results | null;
  error: ErrorReport | null;
  /** The key of the stored run that is shown; null for one of this browser, whose results say it: see `shownKey`. */
  key: string | null;
  /** The file or link of somebody else’s results, which are only shown; null for a run of this browser. */
  sharedAs: string | null;
}

export const IDLE: PageRun = {
  status: 'idle',
  settings: null,
  device: null,
  stepsPerRound: [],
  progress: null,
  stopsIn: null,
  tokensPerSecond: null,
  reading: null,
  memoryPlan: null,
  memory: null,
  warnings: [],
  notes: [],
  results: null,
  error: null,
  key: null,
  sharedAs: null,
};

/** The run on the page. */
export interface RunSlice {
  readonly run: PageRun;
  /** How many times as long this run's steps take while the tab is hidden; null if not much longer. */
  readonly slowdown: number | null;
  /** Why the last start was refused before a worker started. */
  readonly refused: ErrorReport | null;
}

export const runSlice: RunSlice = { run: IDLE, slowdown: null, refused: null };

/** A run that was just requested. */
export const startingRun = (settings: RunSettings): PageRun => ({ ...IDLE, status: 'starting', settings });

/** A run that has ended, from its results file. Of an interrupted round, only the completed steps are known. */
export function endedRun(results: Results, from: Partial<Pick<PageRun, 'key' | 'sharedAs'>> = {}): PageRun {
  const { status, error, settings, device, tasks, curves } = results;
  const stepsPerRound = tasks.map(() => 0);
  for (const round of curves.round) stepsPerRound[round - 1] += 1;
  return { ...IDLE, status, settings, device, stepsPerRound, results, error, ...from };
}

/** The round that a run is in, or the last one that it trained; 0 before the first. */
export const roundOfRun = ({ progress, results }: Pick<PageRun, 'progress' | 'results'>): number =>
  progress?.round ?? results?.curves.round.at(-1) ?? 0;

/** Whether a worker is busy with the run, so that leaving the page would interrupt it. */
export const isActive = (status: RunStatus): boolean =>
  status !== 'idle' && status !== 'finished' && status !== 'stopped' && status !== 'failed';

/** Whether models can be removed from the browser: not during a run, unless it is paused, perhaps for want of room. */
export const canRemoveModels = (status: RunStatus): boolean => !isActive(status) || status === 'paused';

/** Whether the person has asked for the end. */
const isEnding = (status: RunStatus): boolean => status === 'stopping' || status === 'keeping';

/** Whether a run can stop with what it has learned until now: there is something, and the worker listens. */
export const canKeep = ({ status, results }: Pick<PageRun, 'status' | 'results'>): boolean =>
  (status === 'running' || status === 'pausing' || status === 'paused') && (results?.curves.step.length ?? 0) > 0;

/** The state after an event. Pure; events after the end of a run change nothing. */
export function applyEvent(state: PageRun, event: RunEvent): PageRun {
  if (!isActive(state.status)) return state;
  return withEvent({ ...state, results: fold(state.results, event) }, event);
}

function withEvent(state: PageRun, event: RunEvent): PageRun {
  switch (event.type) {
    case 'device':
      return { ...running(state), device: event.device };
    case 'begin':
      return { ...running(state), stepsPerRound: event.stepsPerRound };
    case 'progress':
      return { ...running(state), progress: event };
    case 'steps':
      return { ...state, tokensPerSecond: event.tokensPerSecond };
    case 'reading':
      return { ...state, reading: event };
    case 'memory-plan':
      return { ...state, memoryPlan: event.plan };
    case 'memory':
      return { ...state, memory: event };
    case 'recovering':
      return withWarning(state, `${event.error.message} The run resumes automatically from step ${event.step}.`);
    case 'warning':
      if (event.isNote === true) return { ...state, notes: [...new Set([...state.notes, event.message])] };
      return state.warnings.includes(event.message) ? state : withWarning(state, event.message);
    case 'paused':
      // A run that keeps its model may still have to wait until a person makes room for it.
      return { ...state, status: isEnding(state.status) && event.needsPerson !== true ? state.status : 'paused' };
    case 'resumed':
      return { ...state, status: isEnding(state.status) ? state.status : 'running' };
    case 'stopping':
      return { ...state, stopsIn: event.secondsLeft };
    case 'finished':
    case 'stopped':
      return { ...state, status: event.type };
    case 'failed':
      return { ...state, status: 'failed', error: event.error };
    case 'validation':
    case 'evaluation':
    case 'probe':
    case 'space':
    case 'cut-short':
    case 'ended-by-loss':
    case 'label':
      return state;
  }
}

/** The state after several events, in order. */
export const applyEvents = (state: PageRun, events: readonly RunEvent[]): PageRun => events.reduce(applyEvent, state);

/** The worker's first event ends `starting`. */
const running = (state: PageRun): PageRun => (state.status === 'starting' ? { ...state, status: 'running' } : state);

const withWarning = (state: PageRun, warning: string): PageRun => ({
  ...state,
  warnings: [...state.warnings, warning],
});
