import { expect } from 'vitest';
import type { Device } from '../device/device.ts';
import type { MethodName, MethodSettings } from '../methods/registry.ts';
import type { RunEvent } from '../run/events/events.ts';
import type { Results } from '../run/results/results.ts';
import { Run } from '../run/run.ts';
import type { RunSettings, TrainingSettings } from '../run/settings/settings.ts';
import { acquireTestDevice } from './devices.ts';
import type { TinyFamily } from './tiny-families.ts';
import { onDevice, tinyHost, tinySettings } from './tiny-run.ts';
import { finishedResults } from './ended-run.ts';

/** Trains and tests two tasks, and checks that nothing is left on the device. */
async function execute({ open }: TinyFamily, settings: RunSettings, acquire: () => Promise<Device>): Promise<Results> {
  const events: RunEvent[] = [];
  const host = tinyHost((event) => events.push(event), {
    ...onDevice(acquire),
    openModel: () => Promise.resolve(open()),
  });
  await new Run(host, settings).execute();
  expect(events.filter((event) => event.type === 'memory').at(-1)).toMatchObject({ liveBuffers: 0, liveBytes: 0 });
  return finishedResults(events);
}

interface How {
  acquire: () => Promise<Device>;
  /** Tiny tasks. */
  order: string[];
  /** Settings of the method that differ from its preset. */
  changes: Partial<MethodSettings>;
}

const mean = (part: readonly number[]): number => part.reduce((a, b) => a + b, 0) / part.length;

/** Asserts that a family learns tasks by a method: the first task's loss falls, and every test yields a score. */
export async function learns(
  family: TinyFamily,
  method: MethodName,
  training: Partial<TrainingSettings> = {},
  { acquire = acquireTestDevice, order = ['gloss', 'field'], changes = {} }: Partial<How> = {},
): Promise<void> {
  const settings = { ...tinySettings(method, { ...family.lengths, epochs: 3, ...training }, changes), order };
  const { curves, accuracy } = await execute(family, settings, acquire);
  expect(curves.loss.every(Number.isFinite)).toBe(true);
  const first = curves.loss.filter((_, i) => curves.round[i] === curves.round[0]);
  const steps = first.length / settings.training.epochs; // whole epochs have the same examples
  expect(mean(first.slice(-steps)), first.join(', ')).toBeLessThan(mean(first.slice(0, steps)));
  for (const row of [...accuracy.ranked, ...accuracy.exact]) {
    for (const value of row) expect(value === null || (value >= 0 && value <= 1)).toBe(true);
  }
}

/** Variants of a run's settings. */
export const WAYS: readonly Partial<TrainingSettings>[] = [
  { activations: 'recompute' },
  { frozenWeights: '8-bit' },
  { gradientAccumulation: 2 },
  { frozenWeights: '4-bit', activations: 'recompute' },
];

/** Prompts in the chat template. */
export const CHAT: Partial<TrainingSettings> = { promptForm: 'chat', sourceLength: 40 };
