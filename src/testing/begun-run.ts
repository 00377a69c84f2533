import { newResults } from '../run/events/beginning.ts';
import type { RunEvent } from '../run/events/events.ts';
import type { DeviceReport } from '../run/results/results.ts';
import type { RunSettings } from '../run/settings/settings.ts';

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

/** The beginning of a run that no device computes: tasks of two test examples each. */
export const beginningOf = (
  settings: RunSettings,
  stepsPerRound = settings.order.map(() => 2),
): Extract<RunEvent, { type: 'begin' }> => ({
  type: 'begin',
  stepsPerRound,
  results: newResults({
    id: '0b1e5f6a-3f0a-4c8e-9d53-6a1c2b3d4e5f',
    code: { version: '1.2.3', commit: 'abc' },
    startedAt: '2026-11-24T16:05:00.000Z',
    device: DEVICE,
    model: { name: 'tiny', commit: null, parameters: 10, trainable: 4 },
    settings,
    tasks: settings.order.map((name) => ({
      name,
      kind: 'TC',
      labels: ['a', 'b'],
      trainExamples: 4,
      testExamples: 2,
    })),
    breaks: [],
  }),
});
