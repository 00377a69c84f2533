import { GorpError } from '../../base/errors.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import { modelText } from '../../weights/model-text.ts';
import { baseOf, checkFiles, checkWeights, fileHashes } from '../results/identity.ts';
import type { SavedRound } from './saved-round.ts';

/**
 * Opens the model that a round was trained on, at the commit it had then.
 *
 * @param model where to look instead of where the round says.
 * @param open opens a model by its name in the settings.
 * @param otherwise a sentence: what else to do when it is gone.
 * @throws GorpError `run/no-base-model` if it can no longer be opened, `run/round-does-not-fit` if its files differ.
 */
export async function openBaseModel(
  saved: Pick<SavedRound, 'results'>,
  open: (model: string) => Promise<ModelFiles>,
  { model = baseOf(saved.results), otherwise = '' }: { model?: string | undefined; otherwise?: string } = {},
): Promise<ModelFiles> {
  let base: ModelFiles;
  try {
    base = await open(model);
  } catch (cause) {
    if (!(cause instanceof GorpError)) throw cause;
    throw new GorpError(
      'run/no-base-model',
      `The model was taught on ${modelText(model)}, which cannot be opened: ${cause.message}`,
      `${cause.nextStep} ${otherwise}`.trimEnd(),
      { cause },
    );
  }
  const { results } = saved;
  checkFiles(results, 'round', model, await fileHashes(base, results.settings.training));
  await checkWeights(results, 'round', model, base);
  return base;
}
