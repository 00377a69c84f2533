import type { ModelFiles } from '../weights/model-folder.ts';
import { safetensorsOf, type Tensors } from './model-of.ts';

/** The files of a model, as in a repository on the hub. */
export async function repositoryOf(model: ModelFiles): Promise<Record<string, string | Uint8Array>> {
  const tensors: Tensors = {};
  for (const [name, { shape }] of model.tensors) {
    tensors[name] = { dtype: 'F32', shape: [...shape], data: await model.readTensor(name) };
  }
  return {
    'config.json': JSON.stringify(model.config),
    ...(model.tokenizer !== null && { 'tokenizer.json': JSON.stringify(model.tokenizer) }),
    'tokenizer_config.json': JSON.stringify(model.tokenizerConfig),
    'model.safetensors': await safetensorsOf(tensors),
  };
}
