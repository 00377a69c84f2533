import { expect, it } from 'vitest';
import { median, takeTurns } from './timing.ts';

it('measures contenders in turns, per execution, in wall and CPU time', async () => {
  const order: string[] = [];
  let wall = 0;
  let cpu = 0;
  const clock = { now: () => wall, cpuMs: () => Promise.resolve(cpu) };
  const contender = (name: string, milliseconds: number) => ({
    name,
    run: (times: number) => {
      order.push(`${name}×${times}`);
      wall += times * milliseconds;
      cpu += times * milliseconds * 2;
      return Promise.resolve();
    },
  });
  const timings = await takeTurns(clock, [contender('a', 60), contender('b', 300)], 2);
  expect(order).toEqual(['a×1', 'a×1', 'b×1', 'b×1', 'a×2', 'b×1', 'a×2', 'b×1']);
  expect(timings).toEqual([
    { name: 'a', wallMin: 60, wallMedian: 60, cpuMedian: 120, first: 60 },
    { name: 'b', wallMin: 300, wallMedian: 300, cpuMedian: 600, first: 300 },
  ]);
});

it('takes the middle of an odd number of values, and the mean of the middle two of an even one', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 2.5]);
});
