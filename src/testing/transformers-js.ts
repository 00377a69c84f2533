import type * as transformers from '@huggingface/transformers';
import './onnxruntime-of-node.ts';

type Library = typeof transformers;

/**
 * transformers.js in Node, on onnxruntime-web.
 *
 * @param folder in which models lie; the names of models are those of its folders.
 */
export async function transformersJs(folder: string): Promise<Library> {
  const library = await import('@huggingface/transformers');
  Object.assign(library.env, { allowLocalModels: true, allowRemoteModels: false });
  library.env.localModelPath = `${folder}/`;
  return library;
}
