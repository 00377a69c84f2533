import { joined } from '../base/pieces.ts';
import type { Dtype } from '../weights/dtypes.ts';
import { writeSafetensors } from '../weights/safetensors.ts';

export type Tensors = Record<string, { dtype: Dtype; shape: number[]; data: ArrayBufferView }>;

/** A safetensors file in memory. */
export async function safetensorsOf(tensors: Tensors): Promise<Buffer> {
  const sources = Object.entries(tensors).map(([name, { data, ...info }]) => ({ name, ...info, read: () => data }));
  return Buffer.from(await joined(writeSafetensors(sources)));
}

/** Values that F16 represents exactly. */
export const ramp = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i / 8 - 3);

/** The files of a model that can be opened but not trained. */
export async function modelFiles(elements = 200): Promise<Record<string, string | Buffer>> {
  return {
    'config.json': '{"model_type":"t5"}',
    'tokenizer_config.json': '{"model_max_length":512}',
    'tokenizer.json': '{"version":"1.0"}',
    'model.safetensors': await safetensorsOf({
      'shared.weight': { dtype: 'F32', shape: [elements], data: ramp(elements) },
    }),
  };
}
