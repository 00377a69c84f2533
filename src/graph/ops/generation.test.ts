import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Device } from '../../device/device.ts';
import { F32 } from '../../testing/compare.ts';
import { TEST_DEVICES } from '../../testing/devices.ts';
import { GraphUnderTest, type TestInput } from '../../testing/graphs.ts';
import { appendToCaches, nextToken } from './generation.ts';

describe.each(TEST_DEVICES)('on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  const words = (shape: number[], at: (i: number) => number): TestInput => {
    const size = shape.reduce((a, b) => a * b);
    return { shape, dtype: 'u32', values: Array.from({ length: size }, (_, i) => at(i)) };
  };

  test.each([
    [1, 1, 1],
    [3, 5, 7],
    [64, 4, 65],
    [131, 3, 16],
  ])('%i rows, %i places, %i columns', async (B, capacity, columns) => {
    const inputs = {
      k: { shape: [B, 1, columns] },
      v: { shape: [B, 1, columns] },
      keys: { shape: [B, capacity, columns] },
      values: { shape: [B, capacity, columns] },
      position: words([1], () => capacity - 1),
      places: words([B], (b) => (B - 1 - b) * capacity),
      best: words([B], (b) => 5 + (b % 9)),
      current: words([B], () => 0),
      done: words([B], (b) => (b % 3 === 1 ? 1 : 0)),
      tokens: words([B, capacity + 1], (i) => i),
      remaining: words([1], () => 0),
    };
    const names = ['position', 'current', 'done', 'tokens', 'remaining'] as const;
    const t = new GraphUnderTest(inputs, (g, input) => {
      const [position, current, done, tokens, remaining] = names.map(input);
      const places = input('places');
      appendToCaches(
        g,
        { k: input('k'), v: input('v') },
        { places, position },
        { k: input('keys'), v: input('values') },
      );
      nextToken(g, input('best'), { position, current, done, tokens, remaining }, [7, 9], 99);
      return Object.fromEntries([...names, 'keys', 'values'].map((name) => [name, input(name)]));
    });
    await t.checkDevice(device, F32);
  });
});
