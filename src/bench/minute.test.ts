import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { embeddedFolder } from '../cli/named-models.ts';
import type { Device } from '../device/device.ts';
import { acquireTestWasm } from '../testing/devices.ts';
import { losable } from '../testing/losable.ts';
import type { Bench } from './bench.ts';
import { measureParts, minuteParts } from './benchmark-parts.ts';
import { type Outcome, OutcomeSchema } from './report.ts';

const RUN_ON_CPU = ['kernels against references', 'products', 'encoder block', 'embedded model, GORP fast'];

// Milliseconds that every program takes by the test's clock: real times would depend on what else the machine does.
const PROGRAM_MS = 50;

/** The minute on devices that `open` opens: its outcomes, and the buffers that each device had at its end. */
async function minuteOn(open: () => Promise<Device>): Promise<{ outcomes: Outcome[]; left: string[][] }> {
  const left: string[][] = [];
  let time = 0;
  const bench: Bench = {
    clock: { now: () => time, cpuMs: () => Promise.resolve(null) },
    scope: { rounds: 1, smallProducts: true, chosenKernels: true },
    open: async () => {
      const device = await open();
      const run = device.run.bind(device);
      device.run = (programs, copies) => {
        time += PROGRAM_MS * programs.length;
        return run(programs, copies);
      };
      const destroy = device.destroy.bind(device);
      device.destroy = () => {
        left.push([...device.buffers.liveLabels]);
        return destroy();
      };
      return device;
    },
    readEmbedded: async (path) => new Uint8Array(await readFile(join(embeddedFolder, path))),
  };
  const outcomes: Outcome[] = [];
  const limit = { end: Infinity, cutsOff: false };
  await measureParts(minuteParts(true), bench, limit, { ended: (outcome) => void outcomes.push(outcome) });
  for (const outcome of outcomes) v.parse(OutcomeSchema, outcome);
  return { outcomes, left };
}

test('the minute on the CPU: every kernel right, every number there, no buffer left', async () => {
  const { outcomes, left } = await minuteOn(acquireTestWasm);
  const measured = outcomes.filter((outcome) => outcome.status === 'measured');
  expect(measured.map(({ name }) => name)).toEqual(RUN_ON_CPU);
  expect(outcomes.filter(({ status }) => status === 'failed')).toEqual([]);
  const [kernels, products, block, steps] = measured.map(({ headline }) => headline);
  expect(kernels).toMatch(/^(\d+) of \1 right/);
  expect(products).toMatch(/^[\d.]+ to [\d.]+ GFLOP per second$/);
  expect(block).toMatch(/^step [\d.]+ ms, forward [\d.]+ ms$/);
  // A token of eight answers takes a program.
  expect(steps).toMatch(/^step [\d.]+ ms, 160 tokens per second/);
  expect(left).toEqual(RUN_ON_CPU.map(() => []));
});

test('a lost device fails each part with its cause, and is freed each time', async () => {
  const { outcomes, left } = await minuteOn(async () => {
    const { device, lose } = losable(await acquireTestWasm());
    lose();
    return device;
  });
  const failed = outcomes.filter((outcome) => outcome.status === 'failed');
  expect(failed.map(({ name, error }) => `${name}: ${error.code}`)).toEqual(
    RUN_ON_CPU.map((name) => `${name}: device/lost`),
  );
  expect(left).toHaveLength(RUN_ON_CPU.length);
});
