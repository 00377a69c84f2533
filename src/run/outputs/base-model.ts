import { GorpError } from '../../base/errors.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import type { SavedRound } from './saved-round.ts';

/**
 * Opens the model that a round was trained on.
 *
 * @param open opens a model by the name that settings have for it.
 * @param otherwise what a person can do besides when it is gone: a sentence.
 * @throws GorpError `run/no-base-model` when it cannot be opened any more.
 */
export async function openBaseModel(
  { results }: Pick<SavedRound, 'results'>,
  open: (model: string) => Promise<ModelFiles>,
  otherwise = '',
): Promise<ModelFiles> {
  const { model } = results.settings;
  try {
    return await open(model);
  } catch (cause) {
    if (!(cause instanceof GorpError)) throw cause;
    throw new GorpError(
      'run/no-base-model',
      `The round was trained on ${model}, which cannot be opened: ${cause.message}`,
      `${cause.nextStep} ${otherwise}`.trimEnd(),
      { cause },
    );
  }
}
