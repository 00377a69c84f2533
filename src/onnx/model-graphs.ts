import { ConfigReader } from '../models/config.ts';
import { decoderForm, decoderShapes, DECODER_TYPES } from './decoder-form.ts';
import { decoderGraph, positionsOf } from './decoder-graph.ts';
import type { OnnxDtype } from './dtypes.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { ReadWeight } from './graph-weights.ts';
import { t5ParameterShapes } from '../models/t5-config.ts';
import { T5_TYPES, t5Form } from './t5-form.ts';
import { t5DecoderGraph, t5EncoderGraph } from './t5-graphs.ts';

/** How a model is exported. */
export interface OnnxModel {
  /** Names and shapes of its parameters, Hugging Face's. */
  shapes: ReadonlyMap<string, readonly number[]>;
  /** Other names under which a checkpoint may hold the embedding, where that is more than one layer. */
  embeddingNames: readonly string[];
  /** Its graphs by the names of their files, without suffix and ending: `decoder_model_merged`. */
  graphs(dtype: OnnxDtype, read: ReadWeight): ReadonlyMap<string, GraphBuilder>;
  /** Fields that readers of the export need in config.json, also where the model's own leaves them out. */
  configFields: Readonly<Record<string, unknown>>;
  /** What `generation_config.json` says where the model has none. */
  generationFields: Readonly<Record<string, unknown>>;
}

/** The export that a config.json asks for. @throws GorpError `model/bad-config`, naming the field. */
export function onnxModel(config: unknown): OnnxModel {
  const read = ConfigReader.from(config, 'language');
  const type = read.choice('model_type', [...T5_TYPES, ...DECODER_TYPES]);
  return T5_TYPES.includes(type) ? t5Model(config) : decoderModel(config, read);
}

function t5Model(config: unknown): OnnxModel {
  const form = t5Form(config);
  const tokens = {
    decoder_start_token_id: form.startId,
    eos_token_id: oneOrMany(form.endIds),
    pad_token_id: form.padId,
  };
  const embedding = ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'];
  return {
    shapes: t5ParameterShapes(form),
    embeddingNames: form.tied ? [...embedding, 'lm_head.weight'] : embedding,
    graphs: (dtype, read) =>
      new Map([
        ['encoder_model', t5EncoderGraph(form, dtype, read)],
        ['decoder_model_merged', t5DecoderGraph(form, dtype, read)],
      ]),
    configFields: { is_encoder_decoder: true, num_decoder_layers: form.numDecoderLayers, ...tokens },
    generationFields: tokens,
  };
}

function decoderModel(config: unknown, read: ConfigReader): OnnxModel {
  const form = decoderForm(config);
  const embedding = 'model.embed_tokens.weight';
  const ends = read.tokens('eos_token_id', form.vocabSize, 2);
  const pad = read.tokenOrNone('pad_token_id', form.vocabSize) ?? ends[0]; // padding is masked: any token will do
  return {
    shapes: decoderShapes(form),
    embeddingNames: form.tied ? [embedding, 'lm_head.weight'] : [embedding],
    graphs: (dtype, weights) => new Map([['model', decoderGraph(form, dtype, weights)]]),
    configFields: {
      num_key_value_heads: form.numKeyHeads,
      head_dim: form.headDim,
      max_position_embeddings: positionsOf(form),
    },
    generationFields: { eos_token_id: oneOrMany(ends), pad_token_id: pad },
  };
}

const oneOrMany = (ids: readonly number[]): number | readonly number[] => (ids.length === 1 ? ids[0] : ids);
