import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import { comparedKeys, foundQueue, movedRun, type QueuedRun, queueJson } from './queue.ts';

const run = (id: string, status: QueuedRun['status'] = 'waiting'): QueuedRun => ({
  id,
  settings: embeddedSettings('quick', 'gorp'),
  status,
  estimate: null,
  seconds: null,
  run: null,
  error: null,
});
const ids = (runs: readonly QueuedRun[]): string => runs.map(({ id }) => id).join('');

describe('movedRun', () => {
  it('moves a waiting run among the waiting ones', () => {
    const runs = [run('a', 'finished'), run('b', 'running'), run('c'), run('d'), run('e')];
    expect(ids(movedRun(runs, 'd', -1))).toBe('abdce');
    expect(ids(movedRun(runs, 'c', 1))).toBe('abdce');
    for (const [id, by] of [
      ['c', -1],
      ['e', 1],
      ['b', 1],
      ['x', 1],
    ] as const)
      expect(ids(movedRun(runs, id, by))).toBe('abcde');
  });
});

describe('foundQueue', () => {
  it('begins with the interrupted run', () => {
    const stored = { isGoing: true, runs: [run('a', 'finished'), run('b', 'running'), run('c'), run('d', 'failed')] };
    const found = foundQueue(JSON.parse(JSON.stringify(stored)));
    expect([found.isGoing, ids(found.runs), found.runs[2].status]).toEqual([true, 'adbc', 'waiting']);
  });

  it('does not run what it cannot read, and stores it as it was', () => {
    const newer = { ...run('b'), settings: { model: 'x' } };
    const found = foundQueue({ isGoing: true, runs: [newer, run('a'), 7] });
    expect([ids(found.runs), found.unread]).toEqual(['a', [newer, 7]]);
    expect(queueJson(found)).toEqual({ isGoing: true, runs: [run('a'), newer, 7] });
  });

  it('is empty if there is no queue', () => {
    for (const other of [null, 3, 'x', { runs: 1 }]) {
      expect(foundQueue(other)).toEqual({ isGoing: false, runs: [], unread: [] });
    }
  });
});

it('compares finished runs with those they were made from, each once, as far as they are stored', () => {
  const ended = (id: string, comparedWith?: string): QueuedRun => ({
    ...run(id, 'finished'),
    run: id,
    ...(comparedWith !== undefined && { comparedWith }),
  });
  const runs = [
    ended('b', 'a'),
    ended('c', 'a'),
    { ...ended('d', 'x'), status: 'failed' as const },
    ended('e', 'gone'),
  ];
  expect(comparedKeys(runs, ['a', 'b', 'c', 'd', 'e', 'x'])).toEqual(['a', 'b', 'c', 'e']);
});
