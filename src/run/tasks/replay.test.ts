import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withReplay } from './round-batches.ts';

const runs = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 }),
  perTask: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  share: fc.double({ min: 0, max: 0.99, noNaN: true }),
  seed: fc.integer(),
});
const batchesOf = (sizes: readonly number[]): number[][] => {
  let next = 0;
  return sizes.map((size) => Array.from({ length: size }, () => next++));
};
const tasksOf = (perTask: readonly number[]): number[] =>
  perTask.flatMap((count, task) => Array.from({ length: count }, () => task + 1));

test('batches keep their size, and the share of old rows so far is exact to within one row', () => {
  fc.assert(
    fc.property(runs, ({ sizes, perTask, share, seed }) => {
      let [old, rows] = [0, 0];
      for (const [i, batch] of withReplay(batchesOf(sizes), tasksOf(perTask), share, seed, 0).entries()) {
        expect(batch).toHaveLength(sizes[i]);
        old += batch.filter(({ from }) => from === 'memory').length;
        rows += batch.length;
        expect(Math.abs(old - share * rows)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('remaining new rows keep their places, and old rows come evenly from all tasks', () => {
  fc.assert(
    fc.property(runs, ({ sizes, perTask, share, seed }) => {
      const [batches, tasks] = [batchesOf(sizes), tasksOf(perTask)];
      const seen = perTask.map(() => 0);
      const times = tasks.map(() => 0);
      withReplay(batches, tasks, share, seed, 0).forEach((batch, i) =>
        batch.forEach(({ from, index }, row) => {
          if (from === 'new') expect(index).toBe(batches[i][row]);
          else [seen[tasks[index] - 1], times[index]] = [seen[tasks[index] - 1] + 1, times[index] + 1];
        }),
      );
      expect(Math.max(...seen) - Math.min(...seen)).toBeLessThanOrEqual(1);
      // No example of a task repeats before all have been seen.
      for (const task of new Set(tasks)) {
        const own = times.filter((_, i) => tasks[i] === task);
        expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test('without a memory or a share, all rows are new', () => {
  const all = [[{ from: 'new', index: 0 }], [{ from: 'new', index: 1 }]];
  expect(withReplay([[0], [1]], [], 0.5, 1, 0)).toEqual(all);
  expect(withReplay([[0], [1]], [1, 1], 0, 1, 0)).toEqual(all);
});

test('another epoch replaces other rows', () => {
  const batches = batchesOf([8, 8, 8]);
  const places = (epoch: number): string => JSON.stringify(withReplay(batches, [1, 1, 1], 0.25, 1, epoch));
  expect(places(0)).toBe(places(0));
  expect(places(0)).not.toBe(places(1));
});
