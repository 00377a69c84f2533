import { inDigits } from '../../base/statistics.ts';
import type { RunEvent } from './events.ts';
import { type AccuracyMatrix, withMeasures } from '../results/measures.ts';
import { type LayerSample, type Results, type TestTime, withLabel } from '../results/results.ts';
import { SCORES } from '../../tasks/forms.ts';

type Confusion = NonNullable<Results['confusion']>;
type EventOf<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

/** Maximum number of samples of layer statistics in the results of a run. */
export const MAX_SAMPLES = 400;
export const NO_TIME: TestTime = { promptTokens: 0, promptSeconds: 0, answerTokens: 0, answerSeconds: 0 };

/**
 * The results of a run after an event, as if it were stopped then. This is the only account of a run: the run itself,
 * the page and the command line all use it. Null before `begin`. Pure: shares what did not change.
 */
export function fold(results: Results | null, event: RunEvent): Results | null {
  return event.type === 'begin' ? event.results : results && withEvent(results, event);
}

function withEvent(results: Results, event: RunEvent): Results {
  switch (event.type) {
    case 'finished':
    case 'stopped':
    case 'failed': {
      const { type: status, seconds = results.seconds, liveBuffers = results.memory.liveBuffersAtEnd } = event;
      const error = event.type === 'failed' ? event.error : null;
      return { ...results, status, error, seconds, memory: { ...results.memory, liveBuffersAtEnd: liveBuffers } };
    }
    case 'progress':
      return { ...results, seconds: event.seconds };
    case 'steps':
      return withSteps(results, event);
    case 'validation': {
      const { round, step, loss } = event;
      return { ...results, validation: [...(results.validation ?? []), { round, step, loss }] };
    }
    case 'evaluation':
      return withTest(results, event);
    case 'probe':
      return { ...results, probes: withProbe(results.probes, event) };
    case 'space': {
      const { round, tensors, stateBytes } = event;
      return {
        ...results,
        spaces: tensors.length > 0 ? [...results.spaces, { round, tensors }] : results.spaces,
        stateBytes: [...(results.stateBytes ?? []), { round, bytes: stateBytes }],
      };
    }
    case 'memory':
      // Of all devices that the run had: a resumed run, or one whose device was lost, opens another.
      return {
        ...results,
        memory: { ...results.memory, peakBytes: Math.max(results.memory.peakBytes, event.peakBytes) },
      };
    case 'recovering':
      return { ...results, breaks: event.breaks };
    case 'cut-short': {
      const { round, steps, planned } = event;
      return { ...results, cutShort: [...(results.cutShort ?? []), { round, steps, planned }] };
    }
    case 'ended-by-loss': {
      const { round, step, steps, planned } = event;
      return { ...results, endedByLoss: [...(results.endedByLoss ?? []), { round, step, steps, planned }] };
    }
    case 'label':
      return withLabel(results, event.label);
    case 'device':
    case 'begin':
    case 'reading':
    case 'memory-plan':
    case 'warning':
    case 'paused':
    case 'resumed':
    case 'stopping':
      return results;
  }
}

function withSteps(results: Results, event: EventOf<'steps'>): Results {
  const { round, steps, losses, gradientNorms, rates, seconds, layers } = event;
  const { curves, health } = results;
  const step = steps.at(-1);
  if (step === undefined) return results;
  return {
    ...results,
    seconds,
    curves: {
      round: curves.round.concat(steps.map(() => round)),
      step: curves.step.concat(steps),
      loss: curves.loss.concat(losses),
      gradientNorm: curves.gradientNorm.concat(gradientNorms),
      seconds: curves.seconds.concat(steps.map(() => seconds)),
      ...ratesOf(curves, rates),
    },
    health: layers.length > 0 ? thinned([...health, { round, step, layers: layers.map(inFewDigits) }]) : health,
  };
}

type LayerHealth = LayerSample['layers'][number];

const inFewDigits = ({ gradientNorm, projectedAway, leakage, ...layer }: LayerHealth): LayerHealth => ({
  ...layer,
  gradientNorm: inDigits(gradientNorm),
  projectedAway: projectedAway === null ? null : inDigits(projectedAway),
  leakage: leakage === null ? null : inDigits(leakage),
});

/** The factors of the learning rates; none as long as all are 1. */
function ratesOf({ step, rate }: Results['curves'], added: readonly number[]): Pick<Results['curves'], 'rate'> {
  if (rate === undefined && added.every((factor) => factor === 1)) return {};
  return { rate: (rate ?? step.map(() => 1)).concat(added) };
}

function withTest(results: Results, event: EventOf<'evaluation'>): Results {
  const { round, task, answers, right, time } = event;
  const accuracy = { ...results.accuracy };
  for (const score of SCORES) {
    const [matrix, value] = [accuracy[score], event[score] ?? null];
    if (matrix !== undefined && value !== null) accuracy[score] = withCell(matrix, round, task, value);
  }
  return {
    ...results,
    ...withMeasures(accuracy, results.tasks),
    ...(answers !== undefined && { confusion: withAnswers(results, { round, task: task + 1, answers }) }),
    ...(right !== undefined && {
      right: [
        ...(results.right ?? []).filter((one) => one.round !== round || one.task !== task + 1),
        { round, task: task + 1, ...right },
      ],
    }),
    testTime: withTime(results.testTime ?? NO_TIME, time),
  };
}

/** Adds a measurement to those by the same means; a round is measured once. */
function withProbe(probes: Results['probes'] = {}, event: EventOf<'probe'>): NonNullable<Results['probes']> {
  if (event.probe === 'own') {
    const { about, measured } = event;
    const own = probes.own ?? [];
    const known = own.find(({ name }) => name === about.name);
    const one = { ...about, rounds: [...otherRounds(known?.rounds, measured), measured] };
    return { ...probes, own: known ? own.map((other) => (other === known ? one : other)) : [...own, one] };
  }
  const { probe, about, measured } = event;
  const known = probes[probe];
  const rounds = otherRounds<{ round: number }>(known?.hash === about.hash ? known.rounds : [], measured);
  return { ...probes, [probe]: { ...about, rounds: [...rounds, measured] } };
}

const otherRounds = <Round extends { round: number }>(
  known: readonly Round[] = [],
  { round }: { round: number },
): Round[] => known.filter((one) => one.round !== round);

/** The answers to all tests, with those of one in place of earlier ones. */
const withAnswers = ({ confusion = [] }: Results, added: Confusion[number]): Confusion => [
  ...confusion.filter(({ round, task }) => round !== added.round || task !== added.task),
  added,
];

/** The matrix with one cell set; copies only its row. A cell outside the matrix is ignored. */
const withCell = (matrix: AccuracyMatrix, round: number, task: number, value: number): AccuracyMatrix =>
  matrix.map((row, t) => (t === round ? row.map((old, j) => (j === task ? value : old)) : row));

const withTime = (a: TestTime, b: TestTime): TestTime => ({
  promptTokens: a.promptTokens + b.promptTokens,
  promptSeconds: a.promptSeconds + b.promptSeconds,
  answerTokens: a.answerTokens + b.answerTokens,
  answerSeconds: a.answerSeconds + b.answerSeconds,
});

/**
 * At most {@link MAX_SAMPLES} samples, spread evenly over the steps: the last one of every g steps, with the smallest
 * power of two for g that suffices. The latest sample always stays, and thinning in between changes nothing.
 */
export function thinned(samples: readonly LayerSample[]): LayerSample[] {
  const steps = samples.at(-1)?.step ?? 0;
  let every = 1;
  while (steps > every * MAX_SAMPLES) every *= 2;
  const stretch = (i: number): number => Math.ceil((samples[i]?.step ?? Infinity) / every);
  return samples.filter((_, i) => stretch(i) !== stretch(i + 1));
}
