import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, noise } from '../../testing/graphs.ts';
import { SWEEP_BLOCK, sweepBlock } from './sweep.ts';

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  /** I + X Xᵀ / n, whose eigenvalues are at least 1. */
  function positiveDefinite(n: number): Float64Array {
    const x = noise(n * n, n);
    return Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = i === j ? 1 : 0;
      for (let k = 0; k < n; k++) sum += (x[i * n + k] * x[j * n + k]) / n;
      return sum;
    });
  }

  /** The graph that sweeps all blocks of a matrix. */
  function swept(n: number, values: Float64Array): GraphUnderTest {
    const square = { shape: [n, n], values };
    const zeros = { shape: [n, n], values: new Float64Array(n * n) };
    const inputs = { a: square, b: zeros, failures: { shape: [1], values: [0] } };
    return new GraphUnderTest(inputs, (g, input) => {
      let [from, to] = [input('a'), input('b')];
      for (let first = 0; first < n; first += SWEEP_BLOCK) {
        sweepBlock(g, from, to, first, input('failures'));
        [from, to] = [to, from];
      }
      return { swept: from, failures: input('failures') };
    });
  }

  // One block, blocks that just fit, one row more or less, and primes.
  test.each([1, 2, 31, 32, 33, 64, 65, 97, 131])('%i rows: −A⁻¹', async (n) => {
    const a = positiveDefinite(n);
    const graph = swept(n, a);
    const inverse = graph.onCpu().get('swept') as Float64Array;
    let worst = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += a[i * n + k] * inverse[k * n + j];
        worst = Math.max(worst, Math.abs(sum + (i === j ? 1 : 0)));
      }
    }
    expect(worst).toBeLessThan(1e-12);
    await graph.checkDevice(device, 2e-5);
  });

  test('counts the pivots that are not positive', async () => {
    const a = positiveDefinite(40);
    a[3 * 40 + 3] = -1;
    expect((await swept(40, a).onDevice(device)).get('failures')?.[0]).toBe(1);
    a[0] = NaN;
    expect((await swept(40, a).onDevice(device)).get('failures')?.[0]).toBeGreaterThan(0);
  });
});
