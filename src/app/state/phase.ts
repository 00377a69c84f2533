import { planOf } from '../../methods/registry.ts';
import type { Phase } from '../../run/events/events.ts';
import { bytes, duration, whole } from '../ui/format.ts';
import { isActive, type PageRun, roundOfRun, type RunStatus } from './run-state.ts';

type Known = Pick<PageRun, 'status' | 'progress' | 'results' | 'settings'>;

/** A status in a few words; those missing here are told by the phase. */
const STATUS: Readonly<Partial<Record<RunStatus, string>>> = {
  idle: 'Ready',
  starting: 'Starting',
  pausing: 'Pausing',
  paused: 'Paused',
  finished: 'Finished',
  stopped: 'Stopped',
  failed: 'Failed',
};

/** A phase of a run in a few words; ITEM stands for the file or the task. */
const PHASE: Readonly<Record<Phase, string>> = {
  device: 'Opening the device',
  kernels: 'Measuring kernels for this graphics card',
  weights: 'Loading weights',
  tasks: 'Reading tasks',
  tokenize: 'Tokenizing ITEM',
  compile: 'Preparing the model',
  evaluate: 'Testing on ITEM',
  train: 'Learning ITEM',
  space: 'Building the space of ITEM',
  answers: 'Answering ITEM',
  save: 'Saving the files of ITEM',
  checkpoint: 'Saving a checkpoint at ITEM',
};

/** Describes the present work of a run in a few words. */
export function phaseText({ status, progress }: Known): string {
  if (status === 'stopping') return stoppingText(progress);
  const known = STATUS[status];
  if (known !== undefined) return known;
  return progress === null ? 'Starting' : PHASE[progress.phase].replace('ITEM', () => progress.item);
}

/** Says why a run that was asked to stop is not stopped yet, so that nothing is lost. */
function stoppingText(progress: PageRun['progress']): string {
  if (progress?.phase === 'train') return 'Stopping after this step';
  if (progress?.phase === 'space') return `Stopping after this part of the space of ${progress.item}`;
  if (progress?.phase === 'evaluate' || progress?.phase === 'answers') return 'Stopping after these examples';
  if (progress?.phase === 'save' || progress?.phase === 'checkpoint') return 'Stopping when this is saved';
  return 'Stopping';
}

/** `24.1 MiB/s` and `1 min 05 s left`, each only if known. */
export function paceTexts(bytesLeft: number | null, bytesPerSecond: number | null = null): string[] {
  if (bytesPerSecond === null) return [];
  const rate = `${bytes(bytesPerSecond)}/s`;
  return bytesPerSecond > 0 && bytesLeft !== null ? [rate, `${duration(bytesLeft / bytesPerSecond)} left`] : [rate];
}

/** Progress of the current phase: `step 42 of 75`, `1.2 of 3.6 MiB from the network`; empty without a total. */
export function progressText(progress: PageRun['progress']): string {
  // A single part says nothing of its progress.
  if (progress === null || progress.total === 0 || (progress.unit === 'items' && progress.total === 1)) return '';
  const { done, total, unit, source } = progress;
  if (unit === 'bytes') {
    const from = source === 'cache' ? ' from this browser' : source === 'network' ? ' from the network' : '';
    return [`${bytes(done)} of ${bytes(total)}${from}`, ...paceTexts(total - done, progress.bytesPerSecond)].join(', ');
  }
  const noun = { steps: 'step ', examples: 'example ', items: '' }[unit];
  return `${noun}${whole(done)} of ${whole(total)}`;
}

/** Where a run is: round and progress, as far as known. A paused run does nothing, so bytes on their way are not named. */
export function whereText(run: Known): string {
  const moves = run.status !== 'paused' || run.progress?.unit !== 'bytes';
  return [roundText(run), moves ? progressText(run.progress) : ''].filter((text) => text !== '').join(', ');
}

/** The current round: `before training`, `task 2 of 4`, `all 4 tasks`. Empty before the tasks are known. */
export function roundText({ progress, results, settings }: Known): string {
  if (results === null || progress === null) return '';
  const { round } = progress;
  const tasks = results.settings.order.length;
  if (round > 0 && settings && planOf(settings.method).schedule === 'mixed') return `all ${tasks} tasks`;
  return round === 0 ? 'before training' : `task ${round} of ${tasks}`;
}

/** Share of each round's steps done, in [0, 1]. */
export function roundShares(run: Pick<PageRun, 'progress' | 'stepsPerRound' | 'results'>): number[] {
  const { progress, stepsPerRound, results } = run;
  const lastRound = roundOfRun(run);
  return stepsPerRound.map((steps, i) => {
    const round = i + 1;
    const isLearning = progress?.phase === 'train' || progress?.phase === 'checkpoint';
    if (round < lastRound || (round === lastRound && !isLearning)) return 1;
    if (round > lastRound || steps === 0) return 0;
    // Progress events may be rarer than losses, so take whichever is further.
    const before = stepsPerRound.slice(0, i).reduce((sum, count) => sum + count, 0);
    const byLosses = (results?.curves.step.at(-1) ?? 0) - before;
    const byProgress = progress?.phase === 'train' && progress.unit === 'steps' ? progress.done : 0;
    return Math.min(1, Math.max(byLosses, byProgress) / steps);
  });
}

/** Title of the browser's tab. */
export function runTitle(run: Known): string {
  if (!isActive(run.status)) return run.status === 'idle' ? 'gorp-web' : `${phaseText(run)} – gorp-web`;
  const where =
    run.results !== null && run.progress !== null && run.progress.round > 0 ? roundText(run) : phaseText(run);
  return `${run.status === 'paused' ? 'Paused, ' : ''}${where} – gorp-web`;
}
