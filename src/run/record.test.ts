import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { tinySettings } from '../testing/tiny-run.ts';
import { RunRecord } from './record.ts';
import { type DeviceReport, ResultsSchema, type TaskReport } from './results.ts';

const DEVICE: DeviceReport = {
  kind: 'webgpu',
  why: 'asked',
  vendor: 'mesa',
  architecture: '',
  description: 'a device',
  software: true,
  features: [],
  limits: { maxBufferSize: 1 },
};
const taskNamed = (name: string): TaskReport => ({
  name,
  kind: 'TC',
  labels: ['a'],
  trainExamples: 1,
  testExamples: 2,
});

function record(): RunRecord {
  return new RunRecord(tinySettings('gorp'), { version: '1.2.3', commit: 'abc' }, () => 12.5);
}

describe('RunRecord', () => {
  it('has no results before device and tasks are known', () => {
    const one = record();
    expect(one.isStarted).toBe(false);
    expect(() => one.results('failed', null)).toThrow();
    one.device = DEVICE;
    expect(one.isStarted).toBe(false);
    expect(v.is(ResultsSchema, one.results('stopped', null))).toBe(true);
    one.start([taskNamed('gloss')]);
    expect(one.isStarted).toBe(true);
  });

  it('gives the results so far, gaps as null', () => {
    const one = record();
    one.device = DEVICE;
    one.model = { name: 'tiny', commit: null, parameters: 10, trainable: 2 };
    one.memory = { peakBytes: 100, liveBuffersAtEnd: 0 };
    one.start(['gloss', 'field'].map(taskNamed));
    one.setAccuracy(0, 1, { exact: 0.25, ranked: 0.5 });
    one.setAccuracy(1, 0, { exact: 0, ranked: 1 });
    const layer = { name: 'a layer', part: 'lora' as const, gradientNorm: 1, projectedAway: 0.5, leakage: 0.125 };
    const before = { ...layer, projectedAway: null, leakage: null };
    one.addSteps(
      1,
      [1, 2],
      [
        { loss: 3, gradientNorm: 1, layers: [{ ...before, gradientNorm: 7 }] },
        { loss: 2, gradientNorm: 0.5, layers: [before] },
      ],
      7,
    );
    one.addSteps(2, [3], [{ loss: 1, gradientNorm: 0.25, layers: [layer] }], 8);
    const error = { code: 'device/lost' as const, message: 'It is gone.', nextStep: 'Start again.' };
    const results = one.results('failed', error);
    expect(v.parse(ResultsSchema, results)).toEqual(results);
    expect(results).toMatchObject({
      schema: 'gorp-web/results',
      status: 'failed',
      error,
      seconds: 12.5,
      code: { version: '1.2.3', commit: 'abc' },
      model: one.model,
      memory: one.memory,
      accuracy: {
        exact: [
          [null, 0.25],
          [0, null],
          [null, null],
        ],
        ranked: [
          [null, 0.5],
          [1, null],
          [null, null],
        ],
      },
      curves: {
        round: [1, 1, 2],
        step: [1, 2, 3],
        loss: [3, 2, 1],
        gradientNorm: [1, 0.5, 0.25],
        seconds: [7, 7, 8],
      },
      // The last step of each report represents the others.
      health: [
        { round: 1, step: 2, layers: [before] },
        { round: 2, step: 3, layers: [layer] },
      ],
    });
    expect(results.measures.ranked.averagePerformanceCurve).toEqual([1, null]);
    expect(Number.isNaN(Date.parse(results.startedAt))).toBe(false);
  });
});
