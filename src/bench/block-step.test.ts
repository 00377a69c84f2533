import { expect, it, vi } from 'vitest';
import { TESTED_DEVICES } from '../testing/devices.ts';
import { BlockStep, blockValues } from './block-step.ts';

// Its products are of the size that other libraries are measured with: seconds on a software adapter.

it.each(TESTED_DEVICES)('trains the block on $name in few dispatches and frees its memory', async ({ acquire }) => {
  const device = await acquire();
  const recorded = vi.spyOn(device, 'record');
  const block = await BlockStep.create(device, blockValues());
  const [first, second] = [await block.step(), await block.step()];
  expect(second).toBeLessThan(first);
  const dispatches = recorded.mock.settledResults.flatMap((one) =>
    one.type === 'fulfilled' ? one.value.dispatchCount : [],
  );
  expect(dispatches).toHaveLength(2); // a step, and the forward pass alone
  expect(Math.max(...dispatches)).toBeLessThanOrEqual(60);
  block.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});
