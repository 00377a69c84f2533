import { expect, it } from 'vitest';
import { acquireTestGpu } from '../src/testing/devices.ts';
import { BlockStep } from './block-step.ts';
import { blockValues } from './block-values.ts';

it('trains the block in few dispatches, and frees what it took', async () => {
  const device = await acquireTestGpu();
  const block = await BlockStep.create(device, blockValues());
  const losses = [await block.step(), await block.step(), await block.step()];
  expect(losses[1]).toBeLessThan(losses[0]);
  expect(losses[2]).toBeLessThan(losses[1]);
  expect(block.dispatches).toBeLessThanOrEqual(60);
  block.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});
