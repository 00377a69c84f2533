import { expect, test } from 'vitest';
import { EXIT, UsageError } from '../../src/cli/exit.ts';
import { ELSEWHERE, oneByOne, partOf, readShard } from './shard.ts';

test.each<[string | undefined, NodeJS.ProcessEnv, [number, number]]>([
  [undefined, {}, [0, 1]],
  ['2/3', {}, [2, 3]],
  ['0/2', { SLURM_ARRAY_TASK_ID: '7', SLURM_ARRAY_TASK_COUNT: '9' }, [0, 2]],
  [undefined, { SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_COUNT: '4' }, [2, 4]],
  [undefined, { SLURM_ARRAY_TASK_ID: '0', SLURM_ARRAY_TASK_COUNT: '1' }, [0, 1]],
  [
    undefined,
    {
      SLURM_ARRAY_TASK_ID: '9',
      SLURM_ARRAY_TASK_MIN: '1',
      SLURM_ARRAY_TASK_STEP: '4',
      SLURM_ARRAY_TASK_COUNT: '3',
    },
    [2, 3],
  ],
  [undefined, { JOB_COMPLETION_INDEX: '1', JOB_COMPLETION_COUNT: '2' }, [1, 2]],
])('--shard %s with %j is part %j', (option, env, [index, count]) => {
  expect(readShard(option, env)).toEqual({ index, count });
});

test.each<[string | undefined, NodeJS.ProcessEnv]>([
  ['3/3', {}],
  ['1', {}],
  ['-1/2', {}],
  [undefined, { SLURM_ARRAY_TASK_ID: '5', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_COUNT: '3' }],
  [undefined, { JOB_COMPLETION_INDEX: '0' }],
  [undefined, { JOB_COMPLETION_INDEX: 'x', JOB_COMPLETION_COUNT: '2' }],
])('refuses --shard %s with %j', (option, env) => {
  expect(() => readShard(option, env)).toThrow(UsageError);
});

test('the parts together contain each run once', () => {
  const runs = Array.from({ length: 11 }, (_, i) => i);
  const parts = Array.from({ length: 4 }, (_, index) => partOf(runs, { index, count: 4 }));
  expect(parts.flat().sort((a, b) => a - b)).toEqual(runs);
  expect(Math.max(...parts.map(({ length }) => length)) - Math.min(...parts.map(({ length }) => length))).toBe(1);
});

test('retries runs of other processes after all others, until they are made', async () => {
  const calls: string[] = [];
  let busy = 2;
  const exit = await oneByOne(['a', 'b', 'c'], (run, isAgain) => {
    calls.push(isAgain ? `${run} again` : run);
    return Promise.resolve(run === 'a' && busy-- > 0 ? ELSEWHERE : EXIT.ok);
  });
  expect(exit).toBe(EXIT.ok);
  expect(calls).toEqual(['a', 'b', 'c', 'a again', 'a again']);
});

test('continues after a failed run, and stops after an interrupted one', async () => {
  const made: number[] = [];
  const all = (codes: readonly number[]): Promise<number> =>
    oneByOne(codes, (code) => {
      made.push(code);
      return Promise.resolve(code);
    });
  expect(await all([EXIT.ok, EXIT.device, EXIT.input, EXIT.ok])).toBe(EXIT.device);
  expect(made.splice(0)).toHaveLength(4);
  expect(await all([EXIT.device, EXIT.interrupted, EXIT.ok])).toBe(EXIT.interrupted);
  expect(made).toEqual([EXIT.device, EXIT.interrupted]);
});
