import { expect, it } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { openBaseModel, type SavedRound } from './saved-round.ts';

const saved = { results: { settings: tinySettings('gorp'), model: { commit: null } } } as Pick<SavedRound, 'results'>;

it('opens the model that the round names', async () => {
  const model = tinyModel();
  const names: string[] = [];
  const open = (name: string) => {
    names.push(name);
    return Promise.resolve(model);
  };
  expect(await openBaseModel(saved, open)).toBe(model);
  expect(names).toEqual(['tiny']);
});

it('says that the model is gone, why, and what to do', async () => {
  const gone = () => Promise.reject(new GorpError('weights/not-found', 'tiny has no config.json.', 'Look again.'));
  await expect(openBaseModel(saved, gone, { otherwise: 'Or name it with --model.' })).rejects.toMatchObject({
    code: 'run/no-base-model',
    message: 'The model was taught on tiny, which cannot be opened: tiny has no config.json.',
    nextStep: 'Look again. Or name it with --model.',
  });
  await expect(openBaseModel(saved, () => Promise.reject(new Error('a fault')))).rejects.toThrow('a fault');
});
