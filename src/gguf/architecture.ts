import { familyOf } from '../models/families.ts';
import { isRedundantT5Name, type T5Config, t5ParameterShapes, tiedT5Names } from '../models/t5-config.ts';
import { t5NameInFile } from '../weights/gguf/names.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { decoderForm } from './decoder-form.ts';
import { differsFrom, float32, uint32, type WrittenForm } from './written-form.ts';

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
    fields: fieldsOf(config),
    rotaryFactors: null,
  };
}

const differencesOf = ({ activation, gated, maxDistance }: T5Config): (string | false)[] => [
  maxDistance !== MAX_DISTANCE &&
    `positions have a bias of their own up to a distance of ${maxDistance}, not ${MAX_DISTANCE},`,
  activation !== (gated ? 'gelu_new' : 'relu') && `the activation is ${activation}${gated ? ' with a gate' : ''}`,
];

function fieldsOf(config: T5Config): Map<string, GgufValue> {
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
