import type { Report } from './run-watch.ts';
import { oneOf } from './storm.ts';

/** What a run can be crashed in. */
export const WORK = [
  'compiling',
  'training',
  'a refresh',
  'growing spaces',
  'testing',
  'a checkpoint or the step after it',
  'saving a round',
] as const;
export type Work = (typeof WORK)[number];

/** A crash of a run. */
export interface Moment {
  /** The report after which it strikes, by its index among those of an uninterrupted run. */
  readonly place: number;
  /** Whether it waits for the next checkpoint; when those come depends on the machine. */
  readonly waitsForCheckpoint: boolean;
  /** Milliseconds from the report to the crash. */
  readonly delay: number;
}

/** A report of an uninterrupted run. */
export interface Stretch {
  readonly report: Report;
  /** Milliseconds until the next one. */
  readonly milliseconds: number;
}

// A checkpoint takes about half of that; a later crash strikes the next step.
const CHECKPOINT_MS = 200;

/** What a run does after a report. @param gap steps from one refresh to the next. */
export function workAfter({ phase, done }: Report, gap: number): Work | 'opening' {
  switch (phase) {
    case 'compile':
      return 'compiling';
    case 'train':
      return done % gap === 0 ? 'a refresh' : 'training';
    case 'space':
      return 'growing spaces';
    case 'evaluate':
      return 'testing';
    case 'checkpoint':
      return 'a checkpoint or the step after it';
    case 'save':
      return 'saving a round';
    case 'device':
    case 'kernels':
    case 'weights':
    case 'tasks':
    case 'tokenize':
      return 'opening';
  }
}

/**
 * Draws when to crash a run that does some work.
 *
 * @param stretches those of an uninterrupted run, without its checkpoints.
 * @throws Error if the run never does that work.
 */
export function drawMoment(work: Work, stretches: readonly Stretch[], gap: number, random: () => number): Moment {
  const waitsForCheckpoint = work === 'a checkpoint or the step after it';
  const places = stretches.flatMap(({ report }, place) => {
    const its = workAfter(report, gap);
    return its === work || (waitsForCheckpoint && (its === 'training' || its === 'testing')) ? [place] : [];
  });
  if (places.length === 0) throw new Error(`No run ever does this: ${work}.`);
  const place = oneOf(random, places);
  const delay = random() * (waitsForCheckpoint ? CHECKPOINT_MS : stretches[place].milliseconds);
  return { place, waitsForCheckpoint, delay };
}
