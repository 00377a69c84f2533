import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../../run/planning/presets.ts';
import { secondsUntilDone } from './QueueTab.tsx';
import type { QueuedRun } from '../../state/queue.ts';

const run = (status: QueuedRun['status'], estimate: number | null, seconds: number | null = null): QueuedRun => ({
  id: status,
  settings: embeddedSettings('quick', 'gorp'),
  status,
  estimate,
  seconds,
  run: null,
  error: null,
});

describe('secondsUntilDone', () => {
  it('scales estimates by how long finished runs took', () => {
    expect(secondsUntilDone([run('waiting', 10), run('waiting', 20)], null)).toBe(30);
    expect(secondsUntilDone([run('finished', 10, 15), run('waiting', 20)], null)).toBe(30);
    expect(secondsUntilDone([run('failed', 10, 1), run('waiting', 20)], null)).toBe(20);
  });

  it('uses the time a running run reports, once it does', () => {
    expect(secondsUntilDone([run('running', 10), run('waiting', 20)], null)).toBe(30);
    expect(secondsUntilDone([run('running', 10), run('waiting', 20)], 3)).toBe(23);
  });

  it('uses the mean of finished runs where there is no estimate, and is null before one has finished', () => {
    expect(secondsUntilDone([run('waiting', null)], null)).toBeNull();
    expect(secondsUntilDone([run('finished', null, 8), run('finished', null, 12), run('waiting', null)], null)).toBe(
      10,
    );
    expect(secondsUntilDone([], null)).toBe(0);
  });
});
