import { ConfigReader } from '../models/config.ts';
import { parseT5Config, T5_FAMILY, type T5Config, type T5Traits } from '../models/t5-config.ts';

/** mT5 has T5 v1.1's layers. It is exported; training it has not been tried. */
const MT5_TRAITS: T5Traits = {
  modelType: 'mt5',
  architectures: ['MT5ForConditionalGeneration'],
  biasPerLayer: false,
  feedForward: 'gated-gelu',
};

const RELATIVES = [...T5_FAMILY, MT5_TRAITS];

/** `model_type`s whose export is a pair of encoder and decoder. */
export const T5_TYPES = RELATIVES.map(({ modelType }) => modelType);

/** @throws GorpError `model/bad-config`, naming the field. */
export function t5Form(config: unknown): T5Config {
  const type = ConfigReader.from(config, 'T5').choice('model_type', T5_TYPES);
  const traits = RELATIVES.find(({ modelType }) => modelType === type);
  if (traits === undefined) throw new Error(`no traits of ${type}`);
  return parseT5Config(traits, config);
}

/** The position bias of a layer's attention to its own stack. */
export const biasName = (stack: 'encoder' | 'decoder', layer: number): string =>
  `${stack}.block.${layer}.layer.0.SelfAttention.relative_attention_bias.weight`;
