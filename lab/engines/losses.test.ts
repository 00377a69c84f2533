import { expect, test } from 'vitest';
import type { Results } from '../../src/run/results/results.ts';
import { checkRun } from './losses.ts';

const resultsOf = (loss: number[], more: Partial<Results> = {}): Results =>
  ({
    status: 'finished',
    error: null,
    device: { kind: 'webgpu' },
    memory: { peakBytes: 1, liveBuffersAtEnd: 0 },
    curves: { loss },
    ...more,
  }) as unknown as Results; // only the parts that are compared

const losses = Array.from({ length: 24 }, (_, i) => 4 - i / 10);
const reference = resultsOf(losses);
const changed = (step: number, factor: number): Results =>
  resultsOf(losses.map((loss, i) => (i === step ? loss * factor : loss)));

test('a run of another engine may differ by rounding', () => {
  expect(() => checkRun(changed(19, 1.0009), reference)).not.toThrow();
  expect(() => checkRun(changed(20, 2), reference)).not.toThrow(); // beyond those that are compared
});

test.each([
  ['another loss', changed(19, 1.0011), 'step 20'],
  ['no number', changed(3, NaN), 'off by NaN'],
  ['too few losses', resultsOf(losses.slice(0, 19)), 'fewer than 20'],
  ['no end', resultsOf(losses, { status: 'stopped' }), 'stopped'],
  ['another device', resultsOf(losses, { device: { kind: 'wasm' } as Results['device'] }), 'wasm'],
  ['buffers that are left', resultsOf(losses, { memory: { peakBytes: 1, liveBuffersAtEnd: 2 } }), '2 buffers'],
])('%s is told', (_, results, message) => {
  expect(() => checkRun(results, reference)).toThrow(message);
});
