import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { F32 } from '../../testing/compare.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest } from '../../testing/graphs.ts';
import { clipFactor, innerProducts, squares } from './optimizer.ts';

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  test.each([
    [1, 1, 1],
    [3, 63, 64],
    [2, 1023, 1025],
    [1, 4100, 4100],
    [5000, 2, 2],
  ])('squares and clip factor of %i tensors of %i, %i apart', async (count, size, stride) => {
    const into = { shape: [count], values: new Float64Array(count) };
    await new GraphUnderTest({ x: { shape: [count * stride] }, into, clip: { shape: [2] } }, (g, input) => {
      squares(g, input('x'), { count, size, stride }, input('into'));
      clipFactor(g, input('into'), 0.5, input('clip'));
      return { squares: input('into'), clip: input('clip') };
    }).checkDevice(device, F32);
  });

  test.each([
    [1, 1, 1],
    [3, 63, 64],
    [2, 1023, 1025],
  ])('inner products of %i pairs of tensors of %i, %i apart', async (count, size, stride) => {
    const into = { shape: [count], values: new Float64Array(count) };
    const stack = { shape: [count * stride] };
    await new GraphUnderTest({ x: stack, y: stack, into }, (g, input) => {
      innerProducts(g, input('x'), input('y'), { count, size, stride }, input('into'));
      return { products: input('into') };
    }).checkDevice(device, 1e-4);
  });
});
