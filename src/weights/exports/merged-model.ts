import { GorpError } from '../../base/errors.ts';
import type { ModelTensors } from '../model-files.ts';
import type { ModelFiles } from '../model-folder.ts';
import { mergedTensors, type WeightChanges } from './merge.ts';
import { jsonFile, type OutputFile, textReadingFiles } from './output-file.ts';
import { shardedWeights } from './sharding.ts';

/**
 * A model with all training merged in, as a folder that Hugging Face's tools and this project load.
 *
 * @throws GorpError `weights/other-model` when the base model lacks a trained layer, `run/has-gates`.
 */
export async function mergedModelFiles(
  base: ModelFiles,
  changed: ReadonlySet<string>,
  changes: WeightChanges,
): Promise<OutputFile[]> {
  checkTrainedLayers(base, changed);
  return [
    ...(await textReadingFiles(base)),
    ...(base.generationConfig === null ? [] : [jsonFile('generation_config.json', base.generationConfig)]),
    ...shardedWeights(mergedTensors(base, changed, changes)),
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
