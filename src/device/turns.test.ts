import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Work in pieces that each take longer than a turn. */
function* slowly(done: string[], name: string, pieces: number): Generator<void> {
  for (let i = 0; i < pieces; i++) {
    const until = performance.now() + 25;
    while (performance.now() < until);
    done.push(`${name}${i}`);
    yield;
  }
}

test('starts work at once, and does short work at once if idle', async () => {
  const turns = new Turns();
  const done: string[] = [];
  turns.then(() => done.push('first'));
  expect(done).toEqual(['first']);
  const work = turns.work(slowly(done, 'a', 1));
  expect(done).toEqual(['first', 'a0']);
  await work;
  expect(turns.isBusy).toBe(false);
});

test('does everything in the order of the calls, across turns', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const works = [turns.work(slowly(done, 'a', 3)), turns.work(slowly(done, 'b', 2))];
  turns.then(() => done.push('then'));
  works.push(turns.work(slowly(done, 'c', 1)));
  await Promise.all(works);
  expect(done).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'then', 'c0']);
});

test('lets messages arrive during long work', async () => {
  const turns = new Turns();
  const done: string[] = [];
  setTimeout(() => done.push('message'), 0);
  await turns.work(slowly(done, 'a', 8));
  expect(done.indexOf('message')).toBeLessThan(7);
});

test('reports a failure to its caller, and continues with the next work', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const failing = turns.work(
    (function* () {
      yield;
      throw new Error('broken');
    })(),
  );
  const next = turns.work(slowly(done, 'a', 1));
  await expect(failing).rejects.toThrow('broken');
  await next;
  await turns.idle();
  expect(done).toEqual(['a0']);
});
