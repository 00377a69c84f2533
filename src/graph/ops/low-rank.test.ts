import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { TEST_DEVICES_AND_CARD } from '../../testing/devices.ts';
import { GraphUnderTest, weight } from '../../testing/graphs.ts';
import { lowRank } from './low-rank.ts';

interface Case {
  /** Rows of x, columns of x, columns of y. */
  M: number;
  K: number;
  N: number;
  /** Of the frozen pair and of the trained one. */
  ranks: number[];
  rate?: number;
  isAcross?: boolean;
  /** Trained matrices. */
  trains?: string;
}

const CASES: Case[] = [
  { M: 1, K: 1, N: 1, ranks: [1] },
  { M: 5, K: 7, N: 9, ranks: [3] },
  { M: 33, K: 132, N: 70, ranks: [8] },
  { M: 17, K: 68, N: 65, ranks: [8, 8], rate: 0.3 },
  { M: 18, K: 9, N: 130, ranks: [37, 5], rate: 0.5 },
  { M: 19, K: 20, N: 11, ranks: [9], isAcross: true },
  { M: 6, K: 12, N: 8, ranks: [4], rate: 0.1, trains: 'B' },
  { M: 6, K: 12, N: 8, ranks: [2, 4], trains: 'x' },
  // Several rows in a workgroup.
  { M: 515, K: 8, N: 4, ranks: [2] },
  { M: 1026, K: 4, N: 3, ranks: [2], rate: 0.2 },
];

describe.each(TEST_DEVICES_AND_CARD)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  test.each(CASES)('%o', async ({ M, K, N, ranks, rate = 0, isAcross = false, trains = isAcross ? 'xA' : 'xAB' }) => {
    const at = (name: string, shape: number[], last: boolean) => ({
      shape,
      trainable: last && trains.includes(name[0]),
    });
    const last = ranks.length - 1;
    const t = new GraphUnderTest(
      {
        x: at('x', [1, M, K], true),
        y: weight([1, M, N]),
        ...Object.fromEntries(
          ranks.flatMap((r, i) => [
            [`A${i}`, at('A', [r, K], i === last)],
            [`B${i}`, at('B', isAcross ? [r, N] : [N, r], i === last)],
          ]),
        ),
        step: { shape: [1], dtype: 'u32', values: [7] },
      },
      (g, input) => {
        const pairs = ranks.map((_, i) => ({ A: input(`A${i}`), B: input(`B${i}`) }));
        const drop = { step: input('step'), salt: 3, rate };
        const first = lowRank(g, { x: input('x'), y: input('y'), pairs, alpha: 0.7, drop, isAcross });
        // Another reader of x, whose gradient is added.
        const { sum } = lowRank(g, { x: input('x'), y: first.sum, pairs: pairs.slice(last), alpha: -0.4, isAcross });
        return { sum, h: first.h };
      },
    ).withGradients('sum');
    t.checkFiniteDifferences(device);
    await t.checkDevice(device, 2e-5);
  });
});
