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
  function positiveDefinite(n: number, seed = n): Float64Array {
    const x = noise(n * n, seed);
    return Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = i === j ? 1 : 0;
      for (let k = 0; k < n; k++) sum += (x[i * n + k] * x[j * n + k]) / n;
      return sum;
    });
  }

  /** The graph that sweeps all blocks of some matrices. */
  function swept(n: number, matrices: readonly Float64Array[]): GraphUnderTest {
    const count = matrices.length;
    const shape = [count, n, n];
    const values = Float64Array.from(matrices.flatMap((one) => [...one]));
    const zeros = { shape, values: new Float64Array(count * n * n) };
    const inputs = { a: { shape, values }, b: zeros, failures: { shape: [count], values: new Float64Array(count) } };
    return new GraphUnderTest(inputs, (g, input) => {
      let [from, to] = [input('a'), input('b')];
      for (let first = 0; first < n; first += SWEEP_BLOCK) {
        sweepBlock(g, from, to, first, input('failures'));
        [from, to] = [to, from];
      }
      return { swept: from, failures: input('failures') };
    });
  }

  // One block, blocks that just fit, one row more or less, and primes; one matrix, and several.
  const sizes = [1, 2, 31, 32, 33, 64, 65, 97, 131].map((n) => [n, 1]);
  const stacks = [1, 31, 33, 67].flatMap((n) => [2, 5].map((count) => [n, count]));
  test.each([...sizes, ...stacks])('%i rows, %i matrices: −A⁻¹', async (n, count) => {
    const matrices = Array.from({ length: count }, (_, m) => positiveDefinite(n, n + m));
    const graph = swept(n, matrices);
    const inverses = graph.onCpu().get('swept') as Float64Array;
    let worst = 0;
    for (const [m, a] of matrices.entries()) {
      const inverse = inverses.subarray(m * n * n, (m + 1) * n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let k = 0; k < n; k++) sum += a[i * n + k] * inverse[k * n + j];
          worst = Math.max(worst, Math.abs(sum + (i === j ? 1 : 0)));
        }
      }
    }
    expect(worst).toBeLessThan(1e-12);
    await graph.checkDevice(device, 2e-5);
  });

  test('counts the pivots of each matrix that are not positive', async () => {
    const [good, bad] = [positiveDefinite(40), positiveDefinite(40)];
    bad[3 * 40 + 3] = -1;
    const failuresOf = async (): Promise<number[]> => {
      const found = (await swept(40, [good, bad, good]).onDevice(device)).get('failures');
      return Array.from(found ?? []);
    };
    expect(await failuresOf()).toEqual([0, 1, 0]);
    bad[0] = NaN;
    const [before, own, after] = await failuresOf();
    expect([before, after]).toEqual([0, 0]);
    expect(own).toBeGreaterThan(0);
  });
});
