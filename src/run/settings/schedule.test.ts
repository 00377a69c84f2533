import { describe, expect, it } from 'vitest';
import { methodPreset } from '../../methods/registry.ts';
import { scheduledRounds, namedRounds, roundName, roundOf, testedBefore } from './schedule.ts';

const settings = (schedule: 'in-turn' | 'mixed' | 'apart') => ({
  order: ['gloss', 'field', 'people'],
  method: methodPreset(({ 'in-turn': 'gorp', mixed: 'mtl', apart: 'per-task' } as const)[schedule]),
});

describe('scheduledRounds', () => {
  it('in turn: each round trains its task, and tests those seen and the next one', () => {
    expect(scheduledRounds('in-turn', 3)).toEqual([
      { number: 1, trains: [0], tests: [0, 1], testsWatched: true },
      { number: 2, trains: [1], tests: [0, 1, 2], testsWatched: true },
      { number: 3, trains: [2], tests: [0, 1, 2], testsWatched: true },
    ]);
  });

  it('in turn, with tests at the ends: its own task after each round, and all after the last', () => {
    expect(scheduledRounds('in-turn', 3, 'ends').map(({ tests }) => tests)).toEqual([[0], [1], [0, 1, 2]]);
    expect(scheduledRounds('in-turn', 3, 'ends').map(({ testsWatched }) => testsWatched)).toEqual([false, false, true]);
    expect(scheduledRounds('in-turn', 1, 'ends').map(({ tests }) => tests)).toEqual([[0]]);
    for (const schedule of ['mixed', 'apart'] as const) {
      expect(scheduledRounds(schedule, 3, 'ends')).toEqual(scheduledRounds(schedule, 3, 'every'));
    }
    expect([testedBefore(3, 'ends'), testedBefore(3, 'every')]).toEqual([[], [0, 1, 2]]);
  });

  it('mixed: one round of everything, which is the last row of the matrix', () => {
    expect(scheduledRounds('mixed', 3)).toEqual([
      { number: 3, trains: [0, 1, 2], tests: [0, 1, 2], testsWatched: true },
    ]);
  });

  it('apart: each round trains and tests its own task only', () => {
    expect(scheduledRounds('apart', 3).map(({ trains, tests }) => [trains, tests])).toEqual([
      [[0], [0]],
      [[1], [1]],
      [[2], [2]],
    ]);
  });

  it.each(['in-turn', 'mixed', 'apart'] as const)('%s: every task is learned once and tested after it', (schedule) => {
    const rounds = scheduledRounds(schedule, 3);
    expect(rounds.flatMap(({ trains }) => trains)).toEqual([0, 1, 2]);
    for (const task of [0, 1, 2]) {
      const learned = rounds.find(({ number }) => number === roundOf(settings(schedule), task));
      expect(learned?.trains).toContain(task);
      expect(learned?.tests).toContain(task);
    }
  });
});

describe('names of rounds', () => {
  it('are the names of the tasks, or one for all of them', () => {
    expect(roundName(settings('in-turn'), 2)).toBe('field');
    expect(namedRounds(settings('apart')).map(({ name }) => name)).toEqual(['gloss', 'field', 'people']);
    expect(namedRounds(settings('mixed'))).toEqual([{ round: 3, name: 'all tasks' }]);
  });
});
