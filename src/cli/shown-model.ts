import { formatBytes } from '../base/format-bytes.ts';
import { openBaseModel } from '../run/files/base-model.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { openNamedModel } from './named-models.ts';
import type { Terminal } from './terminal.ts';

/** Opens a model by name, and shows what is loaded. @throws GorpError as {@link openNamedModel}. */
export const openShown = (name: string, terminal: Terminal): Promise<ModelFiles> =>
  openNamedModel(name, {
    onProgress: ({ file, bytes, totalBytes }) =>
      terminal.live(`Loading ${file}: ${formatBytes(bytes)} of ${formatBytes(totalBytes ?? bytes)}`),
  });

/**
 * Opens the model that a round was trained on.
 *
 * @param named where to look instead of where the round says.
 * @throws GorpError as {@link openBaseModel}.
 */
export const openTrainedModel = (
  saved: SavedRound,
  named: string | undefined,
  terminal: Terminal,
): Promise<ModelFiles> =>
  openBaseModel(saved, (model) => openShown(model, terminal), {
    model: named,
    otherwise: 'If it has moved, name it with --model.',
  });
