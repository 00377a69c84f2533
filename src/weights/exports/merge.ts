import { GorpError } from '../../base/errors.ts';
import { checkFinite } from '../dtypes.ts';
import type { ModelTensors } from '../model-files.ts';
import type { ModelFiles } from '../model-folder.ts';
import type { TensorInfo, TensorSource } from '../safetensors.ts';
import { jsonFile, type OutputFile, shardedWeights, textReadingFiles } from './output-file.ts';

/** The changes of layers' weights by training, read when each layer is written. */
export interface WeightChanges {
  /** s, by which B A is multiplied. */
  scaling: number;
  /** A [R, in] and B [out, R] of a layer (name without `.weight`); undefined if it has no adapter. */
  adapter(layer: string): Promise<{ A: Float32Array; B: Float32Array } | undefined>;
  /** W of a layer trained full-rank, in place of W₀; undefined for others. */
  weights(layer: string): Promise<Float32Array | undefined>;
  /** Set if how much adapters count depends on the prompt: then nothing can be merged. */
  readonly byPrompt?: ByPrompt | undefined;
}

/** A model's layers that training changed, and their changes. */
export interface TrainedChanges {
  /** Names of layers, without `.weight`, that {@link changes} has an adapter or weights for. */
  readonly changed: ReadonlySet<string>;
  readonly changes: WeightChanges;
}

/** The part of a method that decides for each prompt how much the adapters of each task count. */
export interface ByPrompt {
  /** The method that trained it; what it does, as a clause; and the sentence that a refused export ends with. */
  readonly method: string;
  readonly what: string;
  readonly instead: string;
  /** Numbers that a format must know to compute it. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Number of tasks so far, each with `rank` rows of every A. */
  readonly tasks: number;
  readonly rank: number;
  /** A tensor of the round's state. */
  read(this: void, name: string): Promise<Float32Array>;
}

/**
 * Refuses a format that holds weights only, if how much adapters count depends on the prompt.
 *
 * @param format as the subject of a sentence: `A GGUF file`.
 * @throws GorpError `run/has-gates`.
 */
export function refuseByPrompt({ byPrompt }: Pick<WeightChanges, 'byPrompt'>, format: string): void {
  if (byPrompt === undefined) return;
  const { method, what, instead } = byPrompt;
  throw new GorpError('run/has-gates', `${format} cannot hold what ${method} trained: ${what}.`, instead);
}

/**
 * The tensors of a model with all training merged in: W + s·B·A, under the names and shapes of the base model.
 * Untrained tensors are copied byte for byte; changed ones are written as F32.
 *
 * @throws GorpError `run/has-gates`.
 */
export function mergedTensors(base: ModelTensors, { changed, changes }: TrainedChanges): TensorSource[] {
  refuseByPrompt(changes, 'A model with merged weights');
  return [...base.tensors.values()].map((info): TensorSource => {
    const { name, dtype, shape } = info;
    if (!isChangedBy(name, changed)) {
      return { name, dtype, shape, read: async () => (await base.readRaw(name)).bytes };
    }
    return { name, dtype: 'F32', shape, read: () => mergedWeights(base, info, changes) };
  });
}

/** Reads a model's tensors with all training merged in; as they are if there is none. @throws GorpError `run/has-gates`. */
export function mergedReader(
  base: ModelTensors,
  trained: TrainedChanges | undefined,
): (name: string) => Promise<Float32Array> {
  if (trained === undefined) return (name) => base.readTensor(name);
  const { changed, changes } = trained;
  refuseByPrompt(changes, 'A model with merged weights');
  return (name) => {
    const info = base.tensors.get(name);
    return info && isChangedBy(name, changed) ? mergedWeights(base, info, changes) : base.readTensor(name);
  };
}

const layerOf = (name: string): string => name.replace(/\.weight$/, '');
/** Whether training changed a tensor. @param changed names of layers, without `.weight`. */
export const isChangedBy = (name: string, changed: ReadonlySet<string>): boolean =>
  name.endsWith('.weight') && changed.has(layerOf(name));

/** W + s·B·A of a layer, where W is W₀ unless it was trained. @throws GorpError `weights/not-finite`. */
export async function mergedWeights(
  base: ModelTensors,
  { name, shape: [out, inputs] }: TensorInfo,
  changes: WeightChanges,
): Promise<Float32Array> {
  const layer = layerOf(name);
  const weights = ((await changes.weights(layer)) ?? (await base.readTensor(name))).slice();
  const pair = await changes.adapter(layer);
  if (pair !== undefined) addProduct(weights, pair.B, pair.A, out, inputs, changes.scaling);
  checkFinite(name, weights);
  return weights;
}

/** W [out, in] += s · B [out, R] · A [R, in]. Sums each row in f64, so W is rounded once. */
function addProduct(
  W: Float32Array,
  B: Float32Array,
  A: Float32Array,
  out: number,
  inputs: number,
  scale: number,
): void {
  const rank = B.length / out;
  const row = new Float64Array(inputs);
  for (let i = 0; i < out; i++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const b = scale * B[i * rank + r];
      if (b === 0) continue;
      const begin = r * inputs;
      for (let j = 0; j < inputs; j++) row[j] += b * A[begin + j];
    }
    const begin = i * inputs;
    for (let j = 0; j < inputs; j++) W[begin + j] += row[j];
  }
}

/**
 * A model with all training merged in, as a folder that Hugging Face's tools and this project load.
 *
 * @throws GorpError `weights/other-model` when the base model lacks a trained layer, `run/has-gates`.
 */
export async function mergedModelFiles(base: ModelFiles, trained: TrainedChanges): Promise<OutputFile[]> {
  checkTrainedLayers(base, trained.changed);
  return [
    ...(await textReadingFiles(base)),
    ...(base.generationConfig === null ? [] : [jsonFile('generation_config.json', base.generationConfig)]),
    ...shardedWeights(mergedTensors(base, trained)),
    // config.json makes the folder a model, so it comes last: an interrupted merge leaves no model.
    jsonFile('config.json', base.config),
  ];
}

/** @throws GorpError `weights/other-model` when a model lacks a trained layer. */
export function checkTrainedLayers(base: ModelTensors, changed: ReadonlySet<string>): void {
  const missing = [...changed].find((layer) => !base.tensors.has(`${layer}.weight`));
  if (missing === undefined) return;
  throw new GorpError(
    'weights/other-model',
    `The base model has no layer ${missing}, which was trained.`,
    'Name the base on which the model was taught.',
  );
}
