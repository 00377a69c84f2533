import { bytesOfFile } from './output-files.ts';
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { openTensors } from '../weights/model-files.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';

ort.env.wasm.numThreads = 1; // tests run in parallel

/** The model in a folder on disk; `tokenizer` may be missing, as in the reference data. */
export async function modelOnDisk(folder: string): Promise<ModelFiles> {
  const bytes = readFileSync(`${folder}/model.safetensors`);
  const json = (name: string): unknown => {
    try {
      return JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as unknown;
    } catch {
      return null;
    }
  };
  const tensors = await openTensors([
    {
      name: 'model.safetensors',
      bytes: bytes.length,
      read: (begin, end) => Promise.resolve(new Uint8Array(bytes.subarray(begin, end))),
      discard: () => Promise.resolve(),
    },
  ]);
  return {
    ...tensors,
    config: json('config.json'),
    tokenizer: json('tokenizer.json'),
    tokenizerConfig: json('tokenizer_config.json'),
    generationConfig: json('generation_config.json'),
    chatTemplate: () => Promise.resolve(null),
    licence: () => Promise.resolve(null),
    commit: null,
    fromCache: true,
    discard: () => Promise.resolve(),
  };
}

/** Collects files in memory, by path. */
export async function collected(files: readonly OutputFile[]): Promise<Map<string, Uint8Array>> {
  const all = new Map<string, Uint8Array>();
  for (const file of files) all.set(file.path, await bytesOfFile(file));
  return all;
}

/** A session of one graph of an export, such as `onnx/model.onnx`. */
export async function onnxSession(files: ReadonlyMap<string, Uint8Array>, path: string): Promise<ort.InferenceSession> {
  const model = files.get(path);
  if (model === undefined) throw new Error(`the export has no ${path}: ${[...files.keys()].join(', ')}`);
  const externalData = [...files]
    .filter(([name]) => name.startsWith(`${path}_data`))
    .map(([name, data]) => ({ path: name.slice(name.lastIndexOf('/') + 1), data }));
  return ort.InferenceSession.create(model, { executionProviders: ['wasm'], externalData });
}

/** Integers as the graphs take them. */
export const int64 = (values: Iterable<number>, dims: readonly number[]): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(Array.from(values, BigInt)), dims);

/** The values of a float output. */
export const reals = (tensor: ort.OnnxValue): Float32Array => tensor.data as Float32Array;

/**
 * Caches of length 0 for all `past_key_values` inputs of a session. A symbolic dimension is 0, as in transformers.js.
 */
export function emptyCaches({ inputMetadata }: ort.InferenceSession, batch: number): Record<string, ort.Tensor> {
  const caches: Record<string, ort.Tensor> = {};
  for (const input of inputMetadata) {
    if (!input.isTensor || !input.name.startsWith('past_key_values.')) continue;
    const dims = input.shape.map((size) => (typeof size === 'number' ? size : size === 'batch_size' ? batch : 0));
    caches[input.name] = new ort.Tensor('float32', new Float32Array(0), dims);
  }
  return caches;
}

/** The caches for the next call: this call's outputs, except the encoder's, which only the first call returns. */
export function nextCaches(
  caches: Readonly<Record<string, ort.Tensor>>,
  outputs: ort.InferenceSession.ReturnType,
): Record<string, ort.Tensor> {
  return Object.fromEntries(
    Object.entries(caches).map(([name, cache]) => {
      const isFilled = name.includes('.encoder.') && cache.dims[2] > 0;
      return [name, isFilled ? cache : outputs[name.replace('past_key_values', 'present')]];
    }),
  );
}
