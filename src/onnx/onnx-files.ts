import { GorpError } from '../base/errors.ts';
import { checkShapes } from '../models/parameters.ts';
import { checkTrainedLayers, mergedReader, type TrainedChanges } from '../weights/exports/merge.ts';
import { jsonFile, type OutputFile, textReadingFiles, within } from '../weights/exports/output-file.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { FILE_SUFFIX, type OnnxDtype, TRANSFORMERS_JS_DTYPE } from './dtypes.ts';
import type { DataFile } from './external-data.ts';
import { GatedAdapters, isOfGates } from './gated-adapters.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { parameterOf, type ReadWeight } from './graph-weights.ts';
import { onnxModel, type OnnxModel } from './model-graphs.ts';

/**
 * Maximum number of tokens that a model writes, unless its files or the caller set another limit. Otherwise
 * transformers.js and transformers stop after 20, including the prompt of a decoder-only model.
 */
const MAX_NEW_TOKENS = 128;

/**
 * A model as ONNX: a folder that transformers.js and Optimum load. It reads, merges and writes weights one tensor at a
 * time. Adapters that count by the prompt are not merged: the graphs compute how much.
 *
 * @param trained the changes of a round; undefined exports the base model.
 * @throws GorpError `model/bad-config`, `model/missing-tensor`, `model/bad-shape` and so on if the model cannot be
 *   exported, `weights/other-model` if the round was not trained on it, `weights/onnx-tensor-too-large`. While writing
 *   files: the errors of reading tensors, `weights/f16-overflow`.
 */
export async function onnxFiles(base: ModelFiles, dtype: OnnxDtype, trained?: TrainedChanges): Promise<OutputFile[]> {
  const model = onnxModel(base.config);
  const graphs = graphFiles(base, model, dtype, trained);
  const dataFiles = Object.fromEntries(graphs.map(({ name, data }) => [name, data.length]));
  return [
    jsonFile('config.json', exportedConfig(base.config, model, dtype, dataFiles)),
    jsonFile('generation_config.json', {
      max_new_tokens: MAX_NEW_TOKENS,
      ...model.generationFields,
      ...(base.generationConfig ?? {}),
    }),
    ...(await textReadingFiles(base)),
    ...within(
      'onnx',
      graphs.flatMap(({ model, data }) => [model, ...data]),
    ),
  ];
}

/** The files of one graph of an export. */
export interface GraphFiles {
  /** `encoder_model`, without suffix and extension. */
  name: string;
  model: OutputFile;
  data: DataFile[];
}

/**
 * The graphs of {@link onnxFiles}, with the weights of the layers that a run trains in separate data files: its rounds
 * differ only in these. Names and places are the same for every round and for the base model.
 *
 * @param layers trained by the run, without `.weight`.
 * @throws GorpError as {@link onnxFiles}; `run/round-does-not-fit` if the round has trained other layers, too.
 */
export function graphsApart(
  base: ModelFiles,
  dtype: OnnxDtype,
  layers: ReadonlySet<string>,
  trained?: TrainedChanges,
): GraphFiles[] {
  const other = [...(trained?.changed ?? [])].find((layer) => !layers.has(layer));
  if (other !== undefined) {
    throw new GorpError(
      'run/round-does-not-fit',
      `The model has trained ${other}, but the others have not.`,
      'Choose models of a single run.',
    );
  }
  return graphFiles(base, onnxModel(base.config), dtype, trained, layers);
}

function graphFiles(
  base: ModelFiles,
  model: OnnxModel,
  dtype: OnnxDtype,
  trained: TrainedChanges | undefined,
  apart?: ReadonlySet<string>,
): GraphFiles[] {
  if (trained) checkTrainedLayers(base, trained.changed);
  const storedName = storedNames(model, base.tensors);
  checkShapes(model.shapes, base.tensors, (name) => isRedundant(name, model), storedName);
  const isApart = (tensor: string): boolean =>
    (apart !== undefined && isOfGates(tensor)) ||
    apart?.has(storedName(parameterOf(tensor)).replace(/\.weight$/, '')) === true;
  const byPrompt = trained?.changes.byPrompt;
  const adapters = trained && byPrompt && ((g: GraphBuilder) => new GatedAdapters(g, trained, byPrompt));
  return [...model.graphs(dtype, reader(base, adapters ? undefined : trained, storedName), adapters)].map(
    ([name, graph]) => ({
      name,
      ...graph.files(`${name}${FILE_SUFFIX[dtype]}.onnx`, isApart),
    }),
  );
}

/** config.json with what transformers.js needs: the weight format, and the number of data files per graph. */
function exportedConfig(
  config: unknown,
  { configFields }: OnnxModel,
  dtype: OnnxDtype,
  dataFiles: Record<string, number>,
): unknown {
  return {
    ...(config as object),
    ...configFields,
    'transformers.js_config': { dtype: TRANSFORMERS_JS_DTYPE[dtype], use_external_data_format: dataFiles },
  };
}

/** The name of a parameter in a checkpoint: its own, or another one of a shared embedding. */
function storedNames({ embeddingNames }: OnnxModel, found: ReadonlyMap<string, unknown>): (name: string) => string {
  const embedding = embeddingNames.find((name) => found.has(name)) ?? embeddingNames[0];
  return (name) => (name === embeddingNames[0] ? embedding : name);
}

/** Names in published checkpoints that are not needed: copies of an embedding, and unused tensors. */
const isRedundant = (name: string, { embeddingNames }: OnnxModel): boolean =>
  embeddingNames.includes(name) ||
  /(^|\.)rotary_emb\.inv_freq$|\.EncDecAttention\.relative_attention_bias\.weight$/.test(name);

/** Reads parameters with the trained changes merged in. */
function reader(
  base: ModelFiles,
  trained: TrainedChanges | undefined,
  storedName: (name: string) => string,
): ReadWeight {
  const read = mergedReader(base, trained);
  return (name) => read(storedName(name));
}
