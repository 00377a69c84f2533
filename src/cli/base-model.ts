import { GorpError } from '../base/errors.ts';
import type { SavedRound } from '../run/outputs/saved-round.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { openNamedModel } from './places.ts';
import { megabytes, type Terminal } from './terminal.ts';

/** Opens a model by name, and shows what is loaded. @throws GorpError as {@link openNamedModel}. */
export const openShown = (name: string, terminal: Terminal): Promise<ModelFiles> =>
  openNamedModel(name, {
    onProgress: ({ file, bytes, totalBytes }) =>
      terminal.live(`Loading ${file}: ${megabytes(bytes)} of ${megabytes(totalBytes ?? bytes)}`),
  });

/**
 * Opens the model that a round was trained on.
 *
 * @param named where the person says that it lies; else where the round says.
 * @throws GorpError `run/no-base-model` when it is not where the round says any more.
 */
export async function openBaseModel(
  { results }: SavedRound,
  named: string | undefined,
  terminal: Terminal,
): Promise<ModelFiles> {
  if (named !== undefined) return openShown(named, terminal);
  const { model } = results.settings;
  try {
    return await openShown(model, terminal);
  } catch (cause) {
    if (!(cause instanceof GorpError)) throw cause;
    throw new GorpError(
      'run/no-base-model',
      `The round was trained on ${model}, which cannot be opened: ${cause.message}`,
      `${cause.nextStep} If the model lies elsewhere now, name it with --model.`,
      { cause },
    );
  }
}
