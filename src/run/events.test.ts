import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { RunEventSchema } from './events.ts';

const accepts = (data: unknown): boolean => v.is(RunEventSchema, data);
const problemOf = (data: unknown): string => {
  const { issues } = v.safeParse(RunEventSchema, data);
  return issues === undefined ? 'none' : (v.getDotPath(issues[0]) ?? issues[0].message);
};

describe('the schema of a run’s events', () => {
  it('refuses unknown types and fields, and names the field', () => {
    for (const data of [undefined, null, 'paused', {}, { type: 'exploded' }, { type: 'paused', extra: 1 }]) {
      expect(accepts(data)).toBe(false);
    }
    expect(problemOf({ type: 'memory', liveBytes: '1', peakBytes: 1, liveBuffers: 1 })).toBe('liveBytes');
    const error = { code: 'no-slash', message: '', nextStep: '' };
    expect(problemOf({ type: 'failed', error, results: null })).toBe('error.code');
    expect(problemOf({ type: 'failed', error: { ...error, code: 'device/lost' }, results: null })).toBe('none');
  });

  it('refuses columns of different length', () => {
    const steps = { type: 'steps', round: 1, gradientNorms: [1, 1], seconds: 1, tokensPerSecond: 1, layers: [] };
    expect(problemOf({ ...steps, steps: [1, 2], losses: [1, 1] })).toBe('none');
    expect(problemOf({ ...steps, steps: [1, 2], losses: [1] })).toMatch(/differ in length/);
    expect(problemOf({ ...steps, steps: [1], losses: [1] })).toMatch(/differ in length/);
  });
});
