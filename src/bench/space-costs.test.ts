import { expect, test, vi } from 'vitest';
import { llama, t5 } from '../run/models/published-models.ts';
import { acquireTestWasm } from '../testing/devices.ts';
import { inSteps, randomExamples, timeTasks } from './space-costs.ts';

const TINY = { width: 64, prompt: 16, answer: 2, tasks: 2 };

test.each([
  { name: 'T5', config: { ...t5(64, 128, 1, 2), vocab_size: 100 } },
  { name: 'LLaMA', config: { ...llama(64, 96, 1, 4, 2), vocab_size: 100 } },
])('times of a small $name', async (subject) => {
  const device = await acquireTestWasm();
  // A clock that counts what the device was told to run is the same on every machine.
  const run = vi.spyOn(device, 'run');
  const clock = { now: () => run.mock.calls.length, cpuMs: () => Promise.resolve(null) };
  const found = await timeTasks(clock, device, { ...TINY, ...subject }, { tasks: 2, steps: 1 });
  await device.destroy();
  expect(found.tasks).toHaveLength(2);
  for (const { step, reading, building } of found.tasks) {
    for (const { wall } of [step, reading, building]) expect(wall).toBeGreaterThan(0);
  }
  // The first task begins without spaces, and so without a sample to read for its rates.
  expect(found.next.wall).toBeGreaterThan(found.tasks[0].beginning.wall);
});

test('every task has tokens of its own', () => {
  const sizes = { count: 3, prompt: 50, answer: 4 };
  const [first, second] = [0, 1].map((task) => randomExamples(sizes, 43, task, 2).flatMap(({ source }) => source));
  expect([Math.min(...first), Math.max(...first)]).toEqual([3, 22]);
  expect([Math.min(...second), Math.max(...second)]).toEqual([23, 42]);
  expect(first.slice(0, 50)).not.toEqual(first.slice(50, 100));
});

test('ends with the beginnings that follow them, in steps of the first task', () => {
  const spent = (wall: number): { wall: number; cpu: null } => ({ wall, cpu: null });
  const task = (step: number, beginning: number) => {
    return { step: spent(step), beginning: spent(beginning), reading: spent(4), building: spent(2) };
  };
  const times = { tasks: [task(2, 100), task(3, 8)], next: spent(10) };
  expect(inSteps(times, 'wall')).toEqual([
    { between: 7, step: 1 },
    { between: 8, step: 1.5 },
  ]);
  expect(inSteps(times, 'cpu')[0].between).toBeNaN();
});
