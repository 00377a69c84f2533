import { expect, test } from 'vitest';
import type { RunEvent } from '../../run/events/events.ts';
import { Run } from '../../run/run.ts';
import { acquirePlainGpu } from '../../testing/devices.ts';
import { onDevice, tinyHost, tinySettings } from '../../testing/tiny-run.ts';

test('a run of T5 needs no more than the limits that WebGPU guarantees, and no optional feature', async () => {
  const device = await acquirePlainGpu();
  const { limits, features } = device.gpu.device;
  expect(limits.maxStorageBuffersPerShaderStage).toBe(8);
  expect(limits.maxStorageBufferBindingSize).toBe(2 ** 27);
  expect([...features].filter((feature) => feature !== 'core-features-and-limits')).toEqual([]);
  const events: RunEvent[] = [];
  const host = tinyHost(
    (event) => events.push(event),
    onDevice(() => Promise.resolve(device)),
  );
  await new Run(host, tinySettings('gorp')).execute();
  const last = events.at(-1);
  expect(last).toMatchObject({ type: 'finished' });
});
