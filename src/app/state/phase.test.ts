import { describe, expect, it } from 'vitest';
import { fold } from '../../run/events/fold.ts';
import { beginningOf } from '../../testing/begun-run.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { IDLE, type PageRun } from './run-state.ts';
import { paceTexts, phaseText, progressText, roundShares, roundText, runTitle, whereText } from './phase.ts';

const begin = beginningOf({ ...tinySettings('gorp'), order: ['gloss', 'field', 'emoji'] }, [10, 20, 0]);
const at = (progress: Partial<NonNullable<PageRun['progress']>>): PageRun => ({
  ...IDLE,
  status: 'running',
  results: begin.results,
  stepsPerRound: begin.stepsPerRound,
  progress: {
    type: 'progress',
    phase: 'train',
    round: 1,
    item: 'gloss',
    done: 5,
    total: 10,
    unit: 'steps',
    seconds: 1,
    timeLeft: null,
    ...progress,
  },
});

describe('phaseText and progressText', () => {
  it('name the phase and its progress', () => {
    expect(phaseText(at({}))).toBe('Learning gloss');
    expect(progressText(at({}).progress)).toBe('step 5 of 10');
    const weights = at({ phase: 'weights', unit: 'bytes', done: 1024, total: 4096, source: 'cache' });
    expect(phaseText(weights)).toBe('Loading weights');
    expect(progressText(weights.progress)).toBe('1.00 KiB of 4.00 KiB from this browser');
    const coming = at({
      phase: 'weights',
      unit: 'bytes',
      done: 1024,
      total: 4096,
      source: 'network',
      bytesPerSecond: 100,
    });
    expect(progressText(coming.progress)).toBe('1.00 KiB of 4.00 KiB from the network, 100 B/s, 31 s left');
    expect([paceTexts(null, 0), paceTexts(5)]).toEqual([['0 B/s'], []]);
    expect(progressText(at({ total: 0 }).progress)).toBe('');
    expect(progressText(null)).toBe('');
  });

  it('name no bytes of a run that is paused while it saves', () => {
    const saving = at({ phase: 'checkpoint', unit: 'bytes', done: 1024, total: 4096 });
    expect(whereText(saving)).toBe('task 1 of 3, 1.00 KiB of 4.00 KiB');
    expect(whereText({ ...saving, status: 'paused' })).toBe('task 1 of 3');
    expect(whereText({ ...at({}), status: 'paused' })).toBe('task 1 of 3, step 5 of 10');
  });

  it('prefer the status of the run to its phase', () => {
    expect(phaseText({ ...at({}), status: 'paused' })).toBe('Paused');
    expect(phaseText({ ...IDLE, status: 'running' })).toBe('Starting');
  });
});

describe('roundShares', () => {
  it('counts earlier rounds as done and later ones as not begun', () => {
    expect(roundShares(at({ round: 2, done: 5 }))).toEqual([1, 0.25, 0]);
    expect(roundShares(at({ phase: 'evaluate', round: 0 }))).toEqual([0, 0, 0]);
    expect(roundShares(at({ phase: 'evaluate', round: 1 }))).toEqual([1, 0, 0]);
    expect(roundShares({ ...IDLE })).toEqual([]);
  });

  it('uses the losses where they are ahead of the last progress event', () => {
    const losses = { losses: [1, 1], gradientNorms: [1, 1], rates: [1, 1], seconds: 1, tokensPerSecond: 1, layers: [] };
    const results = fold(begin.results, { type: 'steps', round: 2, steps: [24, 25], ...losses });
    expect(roundShares({ ...at({ round: 2, done: 5 }), results })).toEqual([1, 0.75, 0]);
  });
});

describe('roundText and runTitle', () => {
  it('follow the run', () => {
    expect(roundText(at({ round: 0 }))).toBe('before training');
    expect(roundText(at({ round: 2 }))).toBe('task 2 of 3');
    expect(runTitle(IDLE)).toBe('gorp-web');
    expect(runTitle({ ...at({ round: 2 }), status: 'paused' })).toBe('Paused, task 2 of 3 – gorp-web');
    expect(runTitle({ ...IDLE, status: 'failed' })).toBe('Failed – gorp-web');
  });
});
