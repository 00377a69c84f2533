import type { DeviceChoice } from '../../base/device-choice.ts';
import { type ErrorReport, GorpError } from '../../base/errors.ts';
import type { BenchReport, Outcome } from '../../bench/report.ts';
import type { Speed } from '../../run/planning/duration.ts';
import type {
  Abilities,
  AheadFunctions,
  AnnouncedPart,
  BenchCommand,
  BenchEvent,
  BenchFunctions,
  BenchProgress,
  DeviceOutlook,
} from '../../worker/protocol.ts';
import type { Preferences } from './preferences.ts';
import { isActive, type RunSlice } from './run-state.ts';
import type { StoreOf } from './slice.ts';
import { callOnce } from './session.ts';

/** The device that a run would use, as far as it is known. */
type DeviceState =
  | { status: 'detecting' }
  /** `speed` is null until measured. */
  | { status: 'known'; outlook: DeviceOutlook; speed: Speed | null }
  | { status: 'none'; error: ErrorReport };

const DETECTING: DeviceState = { status: 'detecting' };

/** A measurement of the device, in progress or ended. */
export interface Measurement {
  /** `opening` until the device is open. `done`: every part has ended. */
  readonly status: 'opening' | 'measuring' | 'done' | 'stopped' | 'failed';
  /** The report so far; null before the device is open. */
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

/** The abilities and the measurement of the device. Plain data. */
interface BenchState {
  /** Null until known. */
  readonly abilities: Abilities | null;
  /** Why the abilities are unknown. */
  readonly abilitiesProblem: ErrorReport | null;
  /** The last measurement; null if there was none. */
  readonly measurement: Measurement | null;
}

/** The device that a run would use, what it can do, and its measurement. */
export interface DeviceSlice {
  readonly deviceFound: DeviceState;
  readonly bench: BenchState;
}

export const deviceSlice: DeviceSlice = {
  deviceFound: DETECTING,
  bench: { abilities: null, abilitiesProblem: null, measurement: null },
};

const OPENING: Measurement = {
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
function applyBenchEvent(state: Measurement, event: BenchEvent, now: number): Measurement {
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
const stopped = (state: Measurement): Measurement => ({ ...ended(state, STOPPED), status: 'stopped' });

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

/** The answers: the device, then its speed; or why there is no device. */
export type DeviceAnswer =
  | { type: 'device'; outlook: DeviceOutlook }
  | { type: 'speed'; speed: Speed }
  | { type: 'no-device'; error: ErrorReport };

/** Requests the device that a run would use, then its speed. Returns a function that cancels the request. */
export type AskForDevice = (choice: DeviceChoice, onAnswer: (answer: DeviceAnswer) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askDeviceWorker: AskForDevice = (choice, onAnswer) =>
  callOnce<AheadFunctions, 'look', DeviceOutlook>(
    () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name: 'look' }),
    {
      name: 'The worker that detects the device',
      nextStep: 'Reload the page, or start a run anyway.',
      onEvent: (outlook) => onAnswer({ type: 'device', outlook }),
    },
    'look',
    choice,
    (speed) => onAnswer({ type: 'speed', speed }),
    (error) => onAnswer({ type: 'no-device', error }),
  );

/** Detects the device that a run would use. */
interface DeviceDetector {
  /** Looks now, and again whenever another device is chosen. */
  readonly watch: () => void;
  /** Looks again, for example after a driver was installed or a browser setting changed. */
  readonly again: () => void;
}

/** Cancels a look when a run or a measurement starts, since it needs the device to itself, and looks again after it. */
export function createDeviceDetector(
  store: StoreOf<DeviceSlice, Preferences & RunSlice>,
  ask: AskForDevice,
): DeviceDetector {
  const { getState, setState } = store;
  let giveUp: (() => void) | null = null;
  let isDue = false;

  const detect = (): void => {
    giveUp?.();
    giveUp = null;
    isDue = false;
    setState({ deviceFound: DETECTING });
    giveUp = ask(getState().device, (answer) => {
      if (answer.type === 'device') {
        setState({ deviceFound: { status: 'known', outlook: answer.outlook, speed: null } });
        return;
      }
      giveUp = null;
      if (answer.type === 'no-device') setState({ deviceFound: { status: 'none', error: answer.error } });
      else
        setState(({ deviceFound }) =>
          deviceFound.status === 'known' ? { deviceFound: { ...deviceFound, speed: answer.speed } } : {},
        );
    });
  };

  return {
    again: detect,
    watch: () => {
      detect();
      store.subscribe((state, before) => {
        const active = isActive(state.run.status) || isMeasuring(state.bench);
        if (state.device !== before.device) detect();
        if (active && giveUp !== null) {
          giveUp();
          giveUp = null;
          isDue = true;
        }
        if (!active && isDue) detect();
      });
    },
  };
}

/** Asks for abilities or a measurement. Returns a function that ends it and frees all its memory. */
export type AskForBench = (command: BenchCommand, onEvent: (event: BenchEvent) => void) => () => void;

/** Asks a worker that lives for this one request. */
export const askBenchWorker: AskForBench = (command, onEvent) =>
  callOnce<BenchFunctions, BenchCommand['type'], BenchProgress>(
    () => new Worker(new URL('../../worker/bench.ts', import.meta.url), { type: 'module', name: 'bench' }),
    {
      name: 'The worker that measures the device',
      nextStep: 'Reload the page and measure again. If it happens again, update the graphics driver or choose the CPU.',
      onEvent,
    },
    command.type,
    command,
    (abilities) => onEvent(abilities ? { type: 'abilities', abilities } : { type: 'done' }),
    (error) => onEvent({ type: 'failed', error }),
  );

/** Actions of the Device tab. */
export interface BenchActions {
  /** Reads what the device can do; while it is measured, only if that is not known. */
  readonly describe: () => void;
  /** Measures the device that a run would use, unless there is a {@link measuringObstacle}. */
  readonly measure: () => void;
  /** Ends the measurement; what has been measured stays. */
  readonly stop: () => void;
}

const IN_USE: ErrorReport = {
  code: 'run/in-progress',
  message: 'A run is using the device: beside it, a measurement would be wrong and slow the run down.',
  nextStep: 'Wait for its end or stop it, then measure.',
};

/** Whether this tab's queue starts runs, so that the device is in use between two of them as well. */
interface WithQueue {
  readonly queue: { readonly isMine: boolean; readonly isGoing: boolean };
}

/** Why the device cannot be measured now; null if it can. */
export function measuringObstacle({ run, queue, deviceFound }: DeviceSlice & RunSlice & WithQueue): ErrorReport | null {
  if (isActive(run.status) || (queue.isMine && queue.isGoing)) return IN_USE;
  return deviceFound.status === 'none' ? deviceFound.error : null;
}

/** @throws GorpError `run/device-measured` while the device is measured. */
export function refuseWhileMeasuring({ bench }: DeviceSlice): void {
  if (!isMeasuring(bench)) return;
  throw new GorpError(
    'run/device-measured',
    'The device is being measured, and a run beside it would spoil the numbers.',
    'Stop the measurement on the Device tab or wait for its end, within a minute; then start again.',
  );
}

/** Parts that the actions need from outside. */
interface BenchParts {
  readonly ask: AskForBench;
  /** Called when a measurement has ended. */
  readonly onEnd: () => void;
}

export function createBenchActions(
  store: StoreOf<DeviceSlice, Preferences & RunSlice & WithQueue>,
  { ask, onEnd }: BenchParts,
): BenchActions {
  const { getState, setState } = store;
  const change = (next: (bench: BenchState) => Partial<BenchState>): void =>
    setState(({ bench }) => ({ bench: { ...bench, ...next(bench) } }));
  let isDescribing = false;
  let end: (() => void) | null = null;

  return {
    describe: () => {
      const { bench } = getState();
      if (isDescribing || (isMeasuring(bench) && bench.abilities !== null)) return;
      isDescribing = true;
      ask({ type: 'abilities' }, (event) => {
        isDescribing = false;
        if (event.type === 'abilities') change(() => ({ abilities: event.abilities, abilitiesProblem: null }));
        else if (event.type === 'failed') change(() => ({ abilitiesProblem: event.error }));
      });
    },
    measure: () => {
      const state = getState();
      if (isMeasuring(state.bench) || measuringObstacle(state) !== null) return;
      change(() => ({ measurement: OPENING }));
      end = ask({ type: 'measure', device: state.device }, (event) => {
        change(({ measurement }) => ({
          measurement: measurement === null ? null : applyBenchEvent(measurement, event, Date.now()),
        }));
        if (!isMeasuring(getState().bench)) onEnd();
      });
    },
    stop: () => {
      if (!isMeasuring(getState().bench)) return;
      end?.();
      end = null;
      change(({ measurement }) => ({ measurement: measurement === null ? null : stopped(measurement) }));
      onEnd();
    },
  };
}
