import { expect, it } from 'vitest';
import { memoryHistory } from '../testing/stores.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { runKey } from './history.ts';

const runs = [1, 2].map((n) => ({
  ...quickResults('gorp', 1),
  id: `00000000-0000-4000-8000-00000000000${n}`,
}));
const [one, two] = runs.map(runKey);

it('names a run, and a run that got a name of another meanwhile has a number after it', async () => {
  const history = memoryHistory(runs);
  expect(await history.label(one, { name: '  my   first ', notes: 'softness 0.1\n' })).toEqual({
    name: 'my first',
    notes: 'softness 0.1',
  });
  expect(await history.open(one)).toEqual({ ...runs[0], name: 'my first', notes: 'softness 0.1' });
  await history.add({ ...runs[1], name: 'My First' });
  expect((await history.list()).runs.map(({ name }) => name).sort()).toEqual(['My First 2', 'my first']);
  await history.add({ ...runs[0], name: 'my first' });
  expect(await history.open(one), 'its own name is free').toEqual({ ...runs[0], name: 'my first' });
  await history.label(one, { name: '', notes: '' });
  expect(await history.open(one)).toEqual(runs[0]);
});

it('refuses a name that another run has, in any case, and proposes a free one', async () => {
  const history = memoryHistory(runs);
  await history.label(one, { name: 'Best', notes: '' });
  await expect(history.label(two, { name: 'best', notes: '' })).rejects.toMatchObject({
    code: 'run/name-taken',
    nextStep: expect.stringContaining('“best 2”') as string,
  });
  await history.label(one, { name: 'best', notes: '' });
  await history.label(two, { name: 'best 2', notes: '' });
  await expect(history.label(two, { name: 'x'.repeat(101), notes: '' })).rejects.toMatchObject({
    code: 'run/label-too-long',
  });
});
