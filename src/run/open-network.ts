import { LLAMA_TARGETS, T5_TARGETS, type TargetModules } from '../gorp/method-groups.ts';
import type { Gpu } from '../gpu/device.ts';
import { ConfigReader } from '../models/config.ts';
import { parseLlamaConfig } from '../models/llama-config.ts';
import { LlamaNetwork } from '../models/llama-network.ts';
import type { Network } from '../models/network.ts';
import { checkShapes } from '../models/parameters.ts';
import { parseT5Config } from '../models/t5-config.ts';
import { T5Network } from '../models/t5-network.ts';
import { checkVocabulary, loadTokenizer, type PromptForm, type Tokenizer } from '../text/tokenizer.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import type { TrainingSettings } from './settings.ts';

/** A network ready for weights, what reads text for it, and the layers that methods train in it by default. */
export interface OpenedNetwork {
  network: Network;
  tokenizer: Tokenizer;
  targets: TargetModules;
}

type Lengths = Pick<TrainingSettings, 'sourceLength' | 'targetLength'>;

/** A model family, by `model_type` of config.json. */
interface Family<Config> {
  readonly parse: (config: unknown) => Config;
  readonly make: (gpu: Gpu, config: Config, lengths: Lengths) => Network;
  readonly prompts: PromptForm;
  readonly targets: TargetModules;
}

const T5: Family<ReturnType<typeof parseT5Config>> = {
  parse: parseT5Config,
  make: (gpu, config, { sourceLength, targetLength }) =>
    new T5Network(gpu, config, Math.max(sourceLength, targetLength + 1)),
  prompts: 'closed',
  targets: T5_TARGETS,
};

const LLAMA: Family<ReturnType<typeof parseLlamaConfig>> = {
  parse: parseLlamaConfig,
  make: (gpu, config, { sourceLength, targetLength }) => new LlamaNetwork(gpu, config, sourceLength + targetLength),
  prompts: 'begun',
  targets: LLAMA_TARGETS,
};

/**
 * Makes the network that a model's files describe, once they are known to belong together.
 *
 * @throws GorpError `model/…` or `text/…`, naming the field, tensor or token, or `settings/text-too-long`; nothing stays
 *   allocated then.
 */
export function openNetwork(gpu: Gpu, model: ModelFiles, lengths: Lengths): OpenedNetwork {
  return familyOf(model.config) === 't5' ? open(T5, gpu, model, lengths) : open(LLAMA, gpu, model, lengths);
}

/** The network that a config.json alone describes: for a plan of its memory. @throws GorpError `model/…`. */
export function networkOf(gpu: Gpu, config: unknown, lengths: Lengths): Omit<OpenedNetwork, 'tokenizer'> {
  const made = <Config>({ parse, make, targets }: Family<Config>): Omit<OpenedNetwork, 'tokenizer'> => ({
    network: make(gpu, parse(config), lengths),
    targets,
  });
  return familyOf(config) === 't5' ? made(T5) : made(LLAMA);
}

const familyOf = (config: unknown): 't5' | 'llama' =>
  ConfigReader.from(config, 'language').choice('model_type', ['t5', 'llama']);

function open<Config extends { vocabSize: number; endIds: number[] }>(
  { parse, make, prompts, targets }: Family<Config>,
  gpu: Gpu,
  model: ModelFiles,
  lengths: Lengths,
): OpenedNetwork {
  const config = parse(model.config);
  const tokenizer = loadTokenizer(model.tokenizer, model.tokenizerConfig, prompts);
  checkVocabulary(tokenizer, config.vocabSize);
  // Labels end with the tokenizer's end-of-text token, so answers do, too, should the config name others.
  const endIds = [...new Set([...config.endIds, tokenizer.eosId])];
  const network = make(gpu, { ...config, endIds }, lengths);
  try {
    checkShapes(network.shapes, model.tensors, (name) => network.isRedundant(name));
  } catch (thrown) {
    network.destroy();
    throw thrown;
  }
  return { network, tokenizer, targets };
}
