import { describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/presets.ts';
import { secondsUntilDone } from './due.ts';
import type { QueuedRun } from './queue-state.ts';

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
  it('corrects what was estimated by how long ended runs took', () => {
    expect(secondsUntilDone([run('waiting', 10), run('waiting', 20)], null)).toBe(30);
    expect(secondsUntilDone([run('finished', 10, 15), run('waiting', 20)], null)).toBe(30);
    expect(secondsUntilDone([run('failed', 10, 1), run('waiting', 20)], null)).toBe(20);
  });

  it('takes what a running run tells, once it does', () => {
    expect(secondsUntilDone([run('running', 10), run('waiting', 20)], null)).toBe(30);
    expect(secondsUntilDone([run('running', 10), run('waiting', 20)], 3)).toBe(23);
  });

  it('takes the mean of finished runs where nothing was estimated, and says nothing before there is one', () => {
    expect(secondsUntilDone([run('waiting', null)], null)).toBeNull();
    expect(secondsUntilDone([run('finished', null, 8), run('finished', null, 12), run('waiting', null)], null)).toBe(
      10,
    );
    expect(secondsUntilDone([], null)).toBe(0);
  });
});
