import type { ErrorReport } from '../base/errors.ts';
import type { RunEvent } from '../run/events.ts';
import type { AccuracyMatrix } from '../run/measures.ts';
import type { MemoryPlan } from '../run/memory-plan.ts';
import type { DeviceReport, LayerSample, Results, TensorSpace } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';

type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

/** The status of a run. `pausing` and `stopping` last from the click to the worker's answer. */
export type RunStatus =
  'idle' | 'starting' | 'running' | 'pausing' | 'paused' | 'stopping' | 'finished' | 'stopped' | 'failed';

/** Losses as they arrived, one per optimizer step. Chunks stay separate, so that adding one copies no others. */
export type StepChunk = Pick<EventOf<'steps'>, 'round' | 'steps' | 'losses' | 'gradientNorms'>;

/** What the page knows about a run: its events so far, folded. Plain data. */
export interface RunState {
  status: RunStatus;
  /** The settings that the run started with; the form may differ by now. */
  settings: RunSettings | null;
  device: DeviceReport | null;
  plan: EventOf<'plan'> | null;
  progress: EventOf<'progress'> | null;
  curve: readonly StepChunk[];
  tokensPerSecond: number | null;
  /** In the last test: prompt tokens read and answer tokens written per second. */
  testSpeed: { prompts: number; answers: number } | null;
  exact: AccuracyMatrix;
  ranked: AccuracyMatrix;
  /** The number of test examples for each cell of the matrices. */
  examples: AccuracyMatrix;
  spaces: readonly { round: number; tensors: TensorSpace[] }[];
  layerSamples: readonly LayerSample[];
  /** The first example as the model reads it. */
  reading: EventOf<'reading'> | null;
  memoryPlan: MemoryPlan | null;
  memory: EventOf<'memory'> | null;
  warnings: readonly string[];
  results: Results | null;
  error: ErrorReport | null;
}

export const IDLE: RunState = {
  status: 'idle',
  settings: null,
  device: null,
  plan: null,
  progress: null,
  curve: [],
  tokensPerSecond: null,
  testSpeed: null,
  exact: [],
  ranked: [],
  examples: [],
  spaces: [],
  layerSamples: [],
  reading: null,
  memoryPlan: null,
  memory: null,
  warnings: [],
  results: null,
  error: null,
};

/** Maximum number of samples of layer statistics stored for drawing. */
export const MAX_SAMPLES = 400;

/** A run that was just requested. */
export const startingRun = (settings: RunSettings): RunState => ({ ...IDLE, status: 'starting', settings });

/** Whether a worker is busy with the run, so that leaving the page would interrupt it. */
export const isActive = (status: RunStatus): boolean =>
  status !== 'idle' && status !== 'finished' && status !== 'stopped' && status !== 'failed';

/** The state after an event. Pure; events after the end of a run change nothing. */
export function applyEvent(state: RunState, event: RunEvent): RunState {
  if (!isActive(state.status)) return state;
  switch (event.type) {
    case 'device':
      return { ...running(state), device: event.device };
    case 'plan': {
      const empty = emptyMatrix(event.tasks.length);
      return { ...running(state), plan: event, exact: empty, ranked: empty, examples: empty };
    }
    case 'progress':
      return { ...running(state), progress: event };
    case 'steps': {
      const { round, steps, losses, gradientNorms, tokensPerSecond, layers } = event;
      const step = steps.at(-1);
      return {
        ...state,
        curve: step === undefined ? state.curve : [...state.curve, { round, steps, losses, gradientNorms }],
        tokensPerSecond,
        layerSamples:
          step === undefined || layers.length === 0
            ? state.layerSamples
            : thinned([...state.layerSamples, { round, step, layers }]),
      };
    }
    case 'evaluation': {
      const { round, task, exact, ranked, examples, time } = event;
      return {
        ...state,
        testSpeed: time && {
          prompts: time.promptTokens / time.promptSeconds,
          answers: time.answerTokens / time.answerSeconds,
        },
        exact: withCell(state.exact, round, task, exact),
        ranked: withCell(state.ranked, round, task, ranked),
        examples: withCell(state.examples, round, task, examples),
      };
    }
    case 'space':
      return { ...state, spaces: [...state.spaces, { round: event.round, tensors: event.tensors }] };
    case 'reading':
      return { ...state, reading: event };
    case 'memory-plan':
      return { ...state, memoryPlan: event.plan };
    case 'memory':
      return { ...state, memory: event };
    case 'recovering': {
      const { curve, spaces, layerSamples } = IDLE; // the worker sends them again
      const message = `${event.error.message} The run resumes automatically from step ${event.step}.`;
      return { ...state, curve, spaces, layerSamples, warnings: [...state.warnings, message] };
    }
    case 'so-far':
      return state; // only for whoever ends the worker
    case 'warning':
      return state.warnings.includes(event.message)
        ? state
        : { ...state, warnings: [...state.warnings, event.message] };
    case 'paused':
      return { ...state, status: state.status === 'stopping' ? 'stopping' : 'paused' };
    case 'resumed':
      return { ...state, status: state.status === 'stopping' ? 'stopping' : 'running' };
    case 'finished':
    case 'stopped':
      return { ...state, status: event.type, results: event.results };
    case 'failed':
      return { ...state, status: 'failed', results: event.results, error: event.error };
  }
}

/** The state after several events, in order. */
export const applyEvents = (state: RunState, events: readonly RunEvent[]): RunState => events.reduce(applyEvent, state);

/** The worker's first event ends `starting`. */
const running = (state: RunState): RunState => (state.status === 'starting' ? { ...state, status: 'running' } : state);

/** (T+1)×T of nulls: rows are rounds from 0 (before training), columns are tasks. */
const emptyMatrix = (tasks: number): AccuracyMatrix =>
  Array.from({ length: tasks + 1 }, () => Array.from({ length: tasks }, () => null));

/** The matrix with one cell set, copying only its row. A cell outside the matrix is ignored. */
function withCell(matrix: AccuracyMatrix, round: number, task: number, value: number): AccuracyMatrix {
  return matrix.map((row, t) => (t === round ? row.map((old, j) => (j === task ? value : old)) : row));
}

/** Drops every second sample of the older half once there are too many, to bound memory. */
function thinned(samples: LayerSample[]): LayerSample[] {
  if (samples.length <= MAX_SAMPLES) return samples;
  const half = samples.length >> 1;
  return samples.filter((_, index) => index >= half || index % 2 === 0);
}
