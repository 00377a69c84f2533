import { T5_TARGETS, type TargetModules } from '../gorp/method-groups.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Network } from '../models/network.ts';
import { checkShapes } from '../models/parameters.ts';
import { parseT5Config } from '../models/t5-config.ts';
import { T5Network } from '../models/t5-network.ts';
import { checkVocabulary, loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { TrainingSettings } from './settings.ts';

/** A network ready for weights, what reads text for it, and the layers that methods train in it by default. */
export interface OpenedNetwork {
  network: Network;
  tokenizer: Tokenizer;
  targets: TargetModules;
}

/**
 * Makes the network that a model's files describe, once they are known to belong together.
 *
 * @throws GorpError `model/…` or `text/…`, naming the field, tensor or token; nothing stays allocated then.
 */
export function openNetwork(
  gpu: Gpu,
  model: ModelFiles,
  { sourceLength, targetLength }: Pick<TrainingSettings, 'sourceLength' | 'targetLength'>,
): OpenedNetwork {
  const config = parseT5Config(model.config);
  const tokenizer = loadTokenizer(model.tokenizer, model.tokenizerConfig);
  checkVocabulary(tokenizer, config.vocabSize);
  const network = new T5Network(gpu, config, Math.max(sourceLength, targetLength + 1));
  try {
    checkShapes(network.shapes, model.tensors, (name) => network.isRedundant(name));
  } catch (thrown) {
    network.destroy();
    throw thrown;
  }
  return { network, tokenizer, targets: T5_TARGETS };
}
