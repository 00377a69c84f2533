import { GorpError } from '../base/errors.ts';
import {
  type DecoderConfig,
  decoderParameterShapes,
  isRedundantDecoderName,
  tiedDecoderNames,
} from '../models/decoder-config.ts';
import { type Family, familyOf } from '../models/families.ts';
import { rotaryFrequencies } from '../models/rotary-angles.ts';
import { type T5Config, isRedundantT5Name, t5ParameterShapes, tiedT5Names } from '../models/t5-config.ts';
import { decoderNameInFile, t5NameInFile } from '../weights/gguf/names.ts';
import type { GgufValue } from '../weights/gguf/values.ts';

/** How a model is written. */
export interface WrittenForm {
  readonly architecture: string;
  readonly kind: Family['kind'];
  /** A parameter's name in the file; undefined if llama.cpp has none. */
  readonly nameInFile: (name: string) => string | undefined;
  /** Heads of a parameter or layer whose halves are interleaved in the file; 0 for others. */
  readonly interleavedHeads: (name: string) => number;
  /** Whether norms hold 1 + weight. */
  readonly addsOne: boolean;
  /** Parameters by Hugging Face name. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Other names under which a checkpoint may hold a parameter. */
  readonly tiedNames: (name: string) => string[];
  /** Whether a tensor of a checkpoint is not needed. */
  readonly isRedundant: (name: string) => boolean;
  /** Fields of the architecture: `llama.block_count`, … */
  readonly fields: ReadonlyMap<string, GgufValue>;
  /** Divisors of the rotary frequencies, a tensor of its own; null if there are none. */
  readonly rotaryFactors: Float32Array | null;
}

const uint32 = (value: number): GgufValue => ({ type: 'uint32', value });
const float32 = (value: number): GgufValue => ({ type: 'float32', value });
const text = (value: string): GgufValue => ({ type: 'string', value });

/** The error for a model that llama.cpp computes in another way. @param difference what is different in this model. */
const differsFrom = (architecture: string, difference: string): GorpError =>
  noGguf(`llama.cpp computes ${architecture} otherwise: ${difference} in this model`);

/** The error for a model that is not written. @param why follows "cannot be written as GGUF:". */
export const noGguf = (why: string): GorpError =>
  new GorpError(
    'model/no-gguf',
    `This model cannot be written as GGUF: ${why}.`,
    'Export it as ONNX, or merge it for transformers.',
  );

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

const NAME = 't5';
/** llama.cpp's built-in value. */
const MAX_DISTANCE = 128;
/** As llama.cpp's converter says for T5, which has no limit of its own. */
const CONTEXT_LENGTH = 512;

/**
 * How llama.cpp computes T5 and its relatives. With a tied output layer it omits the factor before it, which scales all
 * scores alike: the likeliest token is the same.
 *
 * @throws GorpError `model/no-gguf`.
 */
function t5Form(config: T5Config): WrittenForm {
  const difference = differencesOf(config).find((one) => one !== false);
  if (difference !== undefined) throw differsFrom('T5', difference);
  return {
    architecture: NAME,
    kind: 'encoder-decoder',
    nameInFile: t5NameInFile,
    interleavedHeads: () => 0,
    addsOne: false,
    shapes: t5ParameterShapes(config),
    tiedNames: (name) => tiedT5Names(name, config),
    isRedundant: (name) => isRedundantT5Name(name, config),
    fields: t5Fields(config),
    rotaryFactors: null,
  };
}

const differencesOf = ({ activation, gated, maxDistance }: T5Config): (string | false)[] => [
  maxDistance !== MAX_DISTANCE &&
    `positions have a bias of their own up to a distance of ${maxDistance}, not ${MAX_DISTANCE},`,
  activation !== (gated ? 'gelu_new' : 'relu') && `the activation is ${activation}${gated ? ' with a gate' : ''}`,
];

function t5Fields(config: T5Config): Map<string, GgufValue> {
  const { numHeads, dKv, eps } = config;
  const all: Record<string, GgufValue> = {
    block_count: uint32(config.numLayers),
    decoder_block_count: uint32(config.numDecoderLayers),
    context_length: uint32(CONTEXT_LENGTH),
    embedding_length: uint32(config.dModel),
    feed_forward_length: uint32(config.dFf),
    'attention.head_count': uint32(numHeads),
    'attention.key_length': uint32(dKv),
    'attention.value_length': uint32(dKv),
    'attention.relative_buckets_count': uint32(config.buckets),
    'attention.layer_norm_epsilon': float32(eps),
    'attention.layer_norm_rms_epsilon': float32(eps),
    decoder_start_token_id: uint32(config.startId),
    vocab_size: uint32(config.vocabSize),
  };
  return new Map(Object.entries(all).map(([key, value]) => [`${NAME}.${key}`, value]));
}

/**
 * How llama.cpp computes the model of a config.json.
 *
 * @throws GorpError `model/no-gguf` if it does not, or not in the same way, naming the difference; as {@link familyOf}.
 */
export function writtenForm(json: unknown): WrittenForm {
  const { modelType, read } = familyOf(json);
  const { config } = read(json);
  return config.kind === 'decoder-only' ? decoderForm(modelType, config) : t5Form(config);
}
