import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { F32 } from '../../testing/compare.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, weight } from '../../testing/graphs.ts';
import { add } from './elementwise.ts';
import { rmsNorm } from './norm.ts';

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  describe('rms norm', () => {
    test.each([
      [1, 1],
      [17, 7],
      [16, 32],
      [33, 128],
      [0, 5],
      // Shared rows: a prime number of columns, one more than vectors of four, more of either than threads hold.
      [2, 257],
      [3, 1025],
      [2, 2051],
      [5, 1028],
      [2, 9000],
    ])('%i rows of %i', async (rows, columns) => {
      const t = new GraphUnderTest({ x: weight([rows, columns]), w: weight([columns]) }, (g, input) => {
        // Use x twice, so that the residual gradient is fused into the norm's.
        return { y: add(g, rmsNorm(g, input('x'), input('w'), 1e-6), input('x')) };
      }).withGradients('y');
      t.checkFiniteDifferences(device, 1e-5);
      await t.checkDevice(device, F32);
    });

    test.each([
      [1, 1, 2, 1],
      [5, 3, 7, 1],
      [17, 2, 16, 0],
    ])('%i tokens of %i heads of %i, offset %i', async (tokens, heads, d, offset) => {
      const x = weight([1, tokens, heads * d]);
      const t = new GraphUnderTest({ x, w: weight([d]), d: x }, (g, input) => ({
        y: rmsNorm(g, input('x'), input('w'), 1e-6, { offset, addend: input('d') }),
      })).withGradients('y');
      t.checkFiniteDifferences(device, 1e-5);
      await t.checkDevice(device, F32);
    });

    test('a row of zeros', async () => {
      const x = { shape: [2, 4], values: [0, 0, 0, 0, 1, 2, 3, 4], trainable: true };
      await new GraphUnderTest({ x, w: weight([4]) }, (g, input) => ({ y: rmsNorm(g, input('x'), input('w'), 1e-6) }))
        .withGradients('y')
        .checkDevice(device, F32);
    });

    test('more rows than workgroups in one dimension', async () => {
      await new GraphUnderTest({ x: { shape: [65_537, 3] }, w: { shape: [3] } }, (g, input) => ({
        y: rmsNorm(g, input('x'), input('w'), 1e-6),
      })).checkDevice(device, F32);
    });
  });
});
