import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest } from '../../testing/graphs.ts';
import { largestEntry, trace } from './square-measures.ts';

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  const measured = (n: number, values?: Float64Array): GraphUnderTest =>
    new GraphUnderTest(
      { x: { shape: [n, n], ...(values && { values }) }, into: { shape: [3], values: [7, 7, 7] } },
      (g, input) => {
        trace(g, input('x'), input('into'), 0);
        largestEntry(g, input('x'), input('into'), 2);
        return { into: input('into') };
      },
    );

  test.each([1, 2, 17, 256, 257])('%i rows: trace and largest entry', (n) => measured(n).checkDevice(device, 1e-5));

  test('NaN counts as the largest float', async () => {
    const found = await measured(2, Float64Array.of(1, NaN, 2, 3)).onDevice(device);
    expect(found.get('into')?.[2]).toBeGreaterThan(1e38);
  });
});
