import { GorpError } from '../base/errors.ts';
import type { DecoderConfig } from '../models/decoder-config.ts';
import { familyOf, type ParsedConfig } from '../models/families.ts';
import { rotaryFrequencies } from '../models/rotary-angles.ts';
import type { GgufValue } from '../weights/gguf/values.ts';

/** What llama.cpp calls the architecture of a model family, and how it computes it. */
interface Architecture {
  readonly name: string;
  /** Whether the two halves of each query and key head are interleaved. */
  readonly interleaves: boolean;
  /** What llama.cpp has built in for it, as a list of reasons why a model differs. */
  readonly differences: (config: DecoderConfig) => (string | false)[];
  /** Fields besides those of all. */
  readonly fields?: (config: DecoderConfig) => Record<string, GgufValue>;
}

const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
const float32 = (value: number): GgufValue => ({ type: 'float32', value });
const text = (value: string): GgufValue => ({ type: 'string', value });

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
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
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

/** How a model is written. */
export interface WrittenForm {
  readonly architecture: string;
  readonly interleaves: boolean;
  /** Whether norms hold 1 + weight. */
  readonly addsOne: boolean;
  readonly config: DecoderConfig;
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Fields of the architecture: `llama.block_count`, … */
  readonly fields: ReadonlyMap<string, GgufValue>;
  /** Divisors of the rotary frequencies, a tensor of its own; null if they are as they are. */
  readonly rotaryFactors: Float32Array | null;
}

/**
 * How llama.cpp computes the model of a config.json.
 *
 * @throws GorpError `model/no-gguf` if it does not, or not in the same way, naming the difference; as {@link familyOf}.
 */
export function writtenForm(json: unknown): WrittenForm {
  const family = familyOf(json);
  const { config, shapes } = family.read(json);
  if (config.kind !== 'decoder-only') {
    throw noGguf('encoder–decoder models are not written as GGUF', 'Export it as ONNX, or merge it for transformers.');
  }
  const form = ARCHITECTURES[family.modelType];
  const difference = form.differences(config).find((one) => one !== false);
  if (difference !== undefined) {
    throw noGguf(
      `llama.cpp computes ${form.name} otherwise: ${difference} in this model`,
      'Export it as ONNX, or merge it for transformers.',
    );
  }
  return {
    architecture: form.name,
    interleaves: form.interleaves,
    addsOne: config.normAddsOne,
    ...{ config, shapes },
    fields: fieldsOf(form, config),
    rotaryFactors: rotaryFactors(config),
  };
}

const noGguf = (why: string, nextStep: string): GorpError =>
  new GorpError('model/no-gguf', `This model cannot be written as GGUF: ${why}.`, nextStep);

function fieldsOf({ name, fields }: Architecture, config: ParsedConfig & DecoderConfig): Map<string, GgufValue> {
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
