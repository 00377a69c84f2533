import { ConfigReader } from '../models/config.ts';
import { parseT5Config, type T5Config, t5ParameterShapes } from '../models/t5-config.ts';

/** What an export has to know of a T5 model. */
export interface T5Form extends T5Config {
  /** Whether every layer has a position bias of its own (umT5), and not the first for all. */
  biasPerLayer: boolean;
}

/** Relatives of T5 with the same layers, by `model_type`, and the architectures that they are saved as. */
const RELATIVES: Readonly<Record<string, { architecture: string; biasPerLayer: boolean }>> = {
  t5: { architecture: 'T5ForConditionalGeneration', biasPerLayer: false },
  mt5: { architecture: 'MT5ForConditionalGeneration', biasPerLayer: false },
  umt5: { architecture: 'UMT5ForConditionalGeneration', biasPerLayer: true },
};

/** `model_type`s whose export is a pair of encoder and decoder. */
export const T5_TYPES = Object.keys(RELATIVES);

/** @throws GorpError `model/bad-config`, naming the field. */
export function t5Form(config: unknown): T5Form {
  const read = ConfigReader.from(config, 'T5');
  const type = read.choice('model_type', T5_TYPES);
  const { architecture, biasPerLayer } = RELATIVES[type];
  if (type === 't5') return { ...parseT5Config(config), biasPerLayer };
  read.architecture([architecture]);
  const asT5 = { ...(config as object), model_type: 't5', architectures: ['T5ForConditionalGeneration'] };
  return { ...parseT5Config(asT5), biasPerLayer };
}

/** Names and shapes of every parameter, Hugging Face's. */
export function t5Shapes(form: T5Form): Map<string, number[]> {
  const shapes = t5ParameterShapes(form);
  if (!form.biasPerLayer) return shapes;
  for (const [stack, layers] of [
    ['encoder', form.numLayers],
    ['decoder', form.numDecoderLayers],
  ] as const) {
    for (let i = 1; i < layers; i++) shapes.set(biasName(stack, i), [form.buckets, form.numHeads]);
  }
  return shapes;
}

/** The position bias of a layer's attention to its own stack. */
export const biasName = (stack: 'encoder' | 'decoder', layer: number): string =>
  `${stack}.block.${layer}.layer.0.SelfAttention.relative_attention_bias.weight`;
