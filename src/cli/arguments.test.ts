import { expect, test } from 'vitest';
import { readArguments, refuseOptions } from './arguments.ts';
import { UsageError } from './exit.ts';
import { hubAccess, modelsFolder } from './named-models.ts';

test('refuses options that would be ignored, by name', () => {
  const refuse = (...args: string[]) => refuseOptions(args, ['model', 'method'], 'the round sets them');
  expect(() => refuse('--round', 'run/1-gloss', '--model', 'org/name')).toThrow(/--model has no effect/);
  expect(() => refuse('--method=gorp')).toThrow(UsageError);
  expect(() => refuse('--round', 'model', '--set', 'method.loraRank=4')).not.toThrow();
});

test('refuses an option of one value that is given twice, where the last alone would count', () => {
  const options = { order: { type: 'string' }, task: { type: 'string', multiple: true } } as const;
  expect(() => readArguments(['--order', '1', '--order=2'], options)).toThrow(/--order was given twice/);
  expect(readArguments(['--task', 'a', '--task', 'b', '--json', '--json'], options).values).toMatchObject({
    task: ['a', 'b'],
    json: true,
  });
});

test('empty variables count as unset', () => {
  expect(hubAccess({ HF_TOKEN: '', HF_ENDPOINT: '' })).toEqual(hubAccess({}));
  expect(hubAccess({ HF_TOKEN: 'hf_x', HF_ENDPOINT: 'https://hub' })).toEqual({
    endpoint: 'https://hub',
    token: 'hf_x',
  });
  expect(modelsFolder({ GORP_WEB_CACHE: '', XDG_CACHE_HOME: '' })).toBe(modelsFolder({}));
  expect(modelsFolder({ GORP_WEB_CACHE: '/cache' })).toBe('/cache');
});
