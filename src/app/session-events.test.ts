import { describe, expect, it } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { embeddedSettings } from '../run/presets.ts';
import { parseEvent } from './session-events.ts';
import { scriptedRun } from './testing/script.ts';

const codeOf = (data: unknown): string => {
  try {
    parseEvent(data);
  } catch (error) {
    return error instanceof GorpError ? error.code : 'other';
  }
  return 'none';
};

describe('parseEvent', () => {
  it('lets every event of a run through unchanged', () => {
    for (const event of scriptedRun(embeddedSettings('quick', 'gorp'))) expect(parseEvent(event)).toEqual(event);
    const error = { code: 'device/lost', message: 'gone', nextStep: 'again' } as const;
    const failed = { type: 'failed', error, results: null } as const;
    expect(parseEvent(failed)).toEqual(failed);
    for (const type of ['paused', 'resumed'] as const) expect(parseEvent({ type })).toEqual({ type });
  });

  it('refuses what it does not know, and names the field', () => {
    for (const data of [undefined, null, 'paused', {}, { type: 'exploded' }, { type: 'paused', extra: 1 }]) {
      expect(codeOf(data)).toBe('worker/bad-event');
    }
    expect(() => parseEvent({ type: 'memory', liveBytes: '1', peakBytes: 1, liveBuffers: 1 })).toThrow(/liveBytes/);
    expect(() =>
      parseEvent({ type: 'failed', error: { code: 'no-slash', message: '', nextStep: '' }, results: null }),
    ).toThrow(/error\.code/);
  });

  it('refuses columns of different length', () => {
    const steps = { type: 'steps', round: 1, gradientNorms: [1, 1], tokensPerSecond: 1, layers: [] };
    expect(codeOf({ ...steps, steps: [1, 2], losses: [1, 1] })).toBe('none');
    expect(codeOf({ ...steps, steps: [1, 2], losses: [1] })).toBe('worker/bad-event');
    expect(codeOf({ ...steps, steps: [1], losses: [1] })).toBe('worker/bad-event');
  });
});
