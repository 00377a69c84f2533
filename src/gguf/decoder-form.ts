import {
  type DecoderConfig,
  decoderParameterShapes,
  isRedundantDecoderName,
  tiedDecoderNames,
} from '../models/decoder-config.ts';
import { rotaryFrequencies } from '../models/rotary-angles.ts';
import { decoderNameInFile } from '../weights/gguf/names.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { differsFrom, float32, noGguf, text, uint32, type WrittenForm } from './written-form.ts';

/** The name that llama.cpp has for the architecture of a model family, and how it computes it. */
interface Architecture {
  readonly name: string;
  /** Whether the two halves of each query and key head are interleaved. */
  readonly interleaves: boolean;
  /** Returns the reasons why a model differs from what llama.cpp has built in. */
  readonly differences: (config: DecoderConfig) => (string | false)[];
  /** Fields besides those of all. */
  readonly fields?: (config: DecoderConfig) => Record<string, GgufValue>;
}

/** llama.cpp's built-in values. */
const SMOLLM3_INTERVAL = 4;
const GEMMA_PATTERN = 6;
const GEMMA_LOCAL_BASE = 10_000;
const GEMMA_27B_LAYERS = 62;

const noBiases = ({ biases }: DecoderConfig): string | false =>
  (biases.qkv || biases.o || biases.mlp) && 'its layers have biases';
/** Whether each rotary frequency is scaled in its own way: a file has a tensor for that. */
const hasFactors = ({ rotaries: [{ ropeScaling }] }: DecoderConfig): boolean =>
  ropeScaling.type !== 'default' && ropeScaling.type !== 'linear';
const plainScaling = (config: DecoderConfig): string | false =>
  hasFactors(config) && 'each rotary frequency is scaled in its own way';

/** By `model_type`. */
const ARCHITECTURES: Readonly<Partial<Record<string, Architecture>>> = {
  llama: { name: 'llama', interleaves: true, differences: () => [] },
  mistral: { name: 'llama', interleaves: true, differences: () => [] },
  qwen2: { name: 'qwen2', interleaves: false, differences: (config) => [plainScaling(config)] },
  qwen3: { name: 'qwen3', interleaves: false, differences: (config) => [plainScaling(config), noBiases(config)] },
  smollm3: {
    name: 'smollm3',
    interleaves: true,
    differences: (config) => [
      plainScaling(config),
      noBiases(config),
      config.layers.some(({ rotary }, i) => (rotary === null) !== ((i + 1) % SMOLLM3_INTERVAL === 0)) &&
        `layers other than every ${SMOLLM3_INTERVAL}th have no positions`,
    ],
  },
  gemma3_text: {
    name: 'gemma3',
    interleaves: false,
    differences: (config) => [
      plainScaling(config),
      noBiases(config),
      config.layers.some(({ window }, i) => (window === null) !== ((i + 1) % GEMMA_PATTERN === 0)) &&
        `layers other than every ${GEMMA_PATTERN}th see the whole text`,
      (config.rotaries[1].ropeTheta !== GEMMA_LOCAL_BASE || config.rotaries[1].ropeScaling.type !== 'default') &&
        `layers with a window do not rotate with base ${GEMMA_LOCAL_BASE}`,
      config.attentionScale !== gemmaScale(config) ** -0.5 && 'attention is scaled otherwise',
    ],
    fields: ({ layers }) => {
      const window = layers.find((layer) => layer.window !== null)?.window;
      return window == null ? {} : { 'attention.sliding_window': uint32(window) };
    },
  },
};

const gemmaScale = ({ layers, hiddenSize, numHeads, headDim }: DecoderConfig): number =>
  layers.length === GEMMA_27B_LAYERS ? hiddenSize / numHeads : headDim;

/** How llama.cpp computes a decoder. @throws GorpError `model/no-gguf`. */
export function decoderForm(modelType: string, config: DecoderConfig): WrittenForm {
  const form = ARCHITECTURES[modelType];
  if (form === undefined) throw noGguf(`it has not been compared with llama.cpp's models of the family ${modelType}`);
  const difference = form.differences(config).find((one) => one !== false);
  if (difference !== undefined) throw differsFrom(form.name, difference);
  const { normAddsOne: addsOne } = config;
  return {
    architecture: form.name,
    kind: 'decoder-only',
    nameInFile: (name) => decoderNameInFile(form.name, name),
    interleavedHeads: (name) => (form.interleaves ? headsOf(name, config) : 0),
    addsOne,
    shapes: decoderParameterShapes(config),
    tiedNames: (name) => tiedDecoderNames(name, config),
    isRedundant: (name) => isRedundantDecoderName(name, config),
    fields: fieldsOf(form, config),
    rotaryFactors: rotaryFactors(config),
  };
}

/** Heads of a query or key layer; 0 for other layers. @param name of a parameter or a layer. */
function headsOf(name: string, { numHeads, numKeyHeads }: DecoderConfig): number {
  if (/\.self_attn\.q_proj(\.|$)/.test(name)) return numHeads;
  return /\.self_attn\.k_proj(\.|$)/.test(name) ? numKeyHeads : 0;
}

function fieldsOf({ name, fields }: Architecture, config: DecoderConfig): Map<string, GgufValue> {
  const [{ ropeTheta, ropeScaling }] = config.rotaries;
  const scaling: Record<string, GgufValue> =
    ropeScaling.type === 'linear'
      ? { 'rope.scaling.type': text('linear'), 'rope.scaling.factor': float32(ropeScaling.factor) }
      : {};
  const all: Record<string, GgufValue> = {
    block_count: uint32(config.layers.length),
    context_length: uint32(contextOf(config, fields !== undefined)),
    embedding_length: uint32(config.hiddenSize),
    feed_forward_length: uint32(config.intermediateSize),
    'attention.head_count': uint32(config.numHeads),
    'attention.head_count_kv': uint32(config.numKeyHeads),
    'attention.key_length': uint32(config.headDim),
    'attention.value_length': uint32(config.headDim),
    'attention.layer_norm_rms_epsilon': float32(config.eps),
    'rope.dimension_count': uint32(config.headDim),
    'rope.freq_base': float32(ropeTheta),
    ...scaling,
    ...fields?.(config),
    vocab_size: uint32(config.vocabSize),
  };
  return new Map(Object.entries(all).map(([key, value]) => [`${name}.${key}`, value]));
}

/**
 * The tokens that a file says a text may have. llama.cpp has no window for most architectures, so a text may be no longer
 * than the window: up to there, both compute the same.
 */
function contextOf({ maxPositions, layers }: DecoderConfig, hasWindow: boolean): number {
  const windows = hasWindow ? [] : layers.map(({ window }) => window).filter((window) => window !== null);
  return Math.min(maxPositions, ...windows);
}

function rotaryFactors(config: DecoderConfig): Float32Array | null {
  if (!hasFactors(config)) return null;
  const [settings] = config.rotaries;
  const scaled = rotaryFrequencies(settings);
  const plain = rotaryFrequencies({ ...settings, ropeScaling: { type: 'default' } });
  return plain.map((frequency, i) => frequency / scaled[i]);
}
