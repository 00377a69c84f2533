import { cardOf } from '../run/files/model-card.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { refuseGates } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { ggufAdapterFiles } from './adapter-files.ts';
import type { GgufDtype } from './dtypes.ts';
import { ggufFiles } from './gguf-files.ts';
import type { Asking } from './modelfile.ts';
import { adapterName, baseFile, mergedName } from './names.ts';

/**
 * What a round trained as GGUF, with a Modelfile and a model card.
 *
 * @param base the model that the round was trained on.
 * @param dtype of the merged model's weights; null for the adapter alone.
 * @throws GorpError `run/has-gates`, and as {@link ggufFiles} and {@link ggufAdapterFiles}.
 */
export async function roundAsGguf(base: ModelFiles, saved: SavedRound, dtype: GgufDtype | null): Promise<OutputFile[]> {
  refuseGates(saved.changes, dtype === null ? 'A GGUF adapter' : 'A GGUF file');
  const { model, method, training } = saved.results.settings;
  const asking: Asking = { promptForm: training.promptForm, maxNewTokens: training.targetLength };
  const files =
    dtype === null
      ? await ggufAdapterFiles(base, { name: adapterName(model, method.name), base: baseFile(model), asking }, saved)
      : await ggufFiles(base, { name: mergedName(model, method.name, dtype), dtype, asking }, saved);
  return [...files, await cardOf(saved, base, dtype === null ? 'gguf-adapter' : 'gguf')];
}
