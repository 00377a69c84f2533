import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { ConfigReader } from '../models/config.ts';
import { encoderDecoder, familyOf, type ParsedConfig } from '../models/families.ts';
import { decoderGraph, positionsOf } from './decoder-graph.ts';
import { ONNX_DTYPES, type OnnxDtype, RUNTIME_BYTES } from './dtypes.ts';
import { bytesOf } from './external-data.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { AdaptersOf, ReadWeight } from './graph-weights.ts';
import { t5DecoderGraph, t5EncoderGraph } from './t5-graphs.ts';

/** How a model is exported. */
export interface OnnxModel {
  /** Hugging Face names and shapes of its parameters. */
  shapes: ReadonlyMap<string, readonly number[]>;
  /** Other names of the embedding in checkpoints, if it is more than one layer. */
  embeddingNames: readonly string[];
  /**
   * Its graphs by file name without suffix and extension: `decoder_model_merged`.
   *
   * @param adapters which stay separate, since they count by the prompt.
   */
  graphs(dtype: OnnxDtype, read: ReadWeight, adapters?: AdaptersOf): ReadonlyMap<string, GraphBuilder>;
  /** Fields that readers of the export need in config.json, even if the model's own lacks them. */
  configFields: Readonly<Record<string, unknown>>;
  /** The content of `generation_config.json` if the model has none. */
  generationFields: Readonly<Record<string, unknown>>;
}

/** mT5 has T5 v1.1's layers. It can be exported, but training is untested, so it is not in the table of families. */
const MT5 = encoderDecoder({
  modelType: 'mt5',
  architectures: ['MT5ForConditionalGeneration'],
  biasPerLayer: false,
  feedForward: 'gated-gelu',
});

/** The export of the model in a config.json. @throws GorpError as {@link familyOf} and the family's `read`. */
export function onnxModel(config: unknown): OnnxModel {
  const isMt5 = ConfigReader.from(config, 'language').all['model_type'] === MT5.modelType;
  const { config: form, shapes } = (isMt5 ? MT5 : familyOf(config)).read(config);
  return { shapes, ...(form.kind === 'encoder-decoder' ? t5Model(form) : decoderModel(form)) };
}

type Form<Kind> = Extract<ParsedConfig, { kind: Kind }>;

function t5Model(form: Form<'encoder-decoder'>): Omit<OnnxModel, 'shapes'> {
  const tokens = {
    decoder_start_token_id: form.startId,
    eos_token_id: oneOrMany(form.endIds),
    pad_token_id: form.padId,
  };
  const embedding = ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'];
  return {
    embeddingNames: form.tied ? [...embedding, 'lm_head.weight'] : embedding,
    graphs: (dtype, read, adapters) =>
      new Map([
        ['encoder_model', t5EncoderGraph(form, dtype, read, adapters)],
        ['decoder_model_merged', t5DecoderGraph(form, dtype, read, adapters)],
      ]),
    configFields: { is_encoder_decoder: true, num_decoder_layers: form.numDecoderLayers, ...tokens },
    generationFields: tokens,
  };
}

function decoderModel(form: Form<'decoder-only'>): Omit<OnnxModel, 'shapes'> {
  const embedding = 'model.embed_tokens.weight';
  return {
    embeddingNames: form.tied ? [embedding, 'lm_head.weight'] : [embedding],
    graphs: (dtype, weights, adapters) => new Map([['model', decoderGraph(form, dtype, weights, adapters)]]),
    configFields: {
      num_key_value_heads: form.numKeyHeads,
      head_dim: form.headDim,
      max_position_embeddings: positionsOf(form),
    },
    generationFields: { eos_token_id: oneOrMany(form.endIds), pad_token_id: form.padId },
  };
}

const oneOrMany = (ids: readonly number[]): number | readonly number[] => (ids.length === 1 ? ids[0] : ids);

/**
 * Bytes of an export's weights after onnxruntime has loaded them. It expands f16 to f32.
 *
 * @throws GorpError `model/bad-config`.
 */
export function loadedBytes(config: unknown, dtype: OnnxDtype): number {
  const unread = (): never => {
    throw new Error('a plan reads no weights');
  };
  const graphs = [...onnxModel(config).graphs(dtype, unread).values()];
  const tensors = graphs.flatMap((graph) => graph.tensors());
  return tensors.reduce((sum, tensor) => sum + bytesOf(tensor) * (tensor.element === 'f16' ? 2 : 1), 0);
}

/**
 * @param limit maximum bytes allowed.
 * @param advise what to do if another weight format fits.
 * @throws GorpError `weights/onnx-too-large`, with a weight format that fits, if any.
 */
export function checkRuntimeHolds(
  config: unknown,
  dtype: OnnxDtype,
  limit = RUNTIME_BYTES,
  advise = (fitting: OnnxDtype): string => `Export it as ${fitting}.`,
): void {
  const needed = loadedBytes(config, dtype);
  if (needed <= limit) return;
  const fitting = ONNX_DTYPES.find((other) => loadedBytes(config, other) <= limit);
  throw new GorpError(
    'weights/onnx-too-large',
    `The model as ${dtype} takes ${formatBytes(needed)} in onnxruntime-web; the limit here is ${formatBytes(limit)}.`,
    fitting ? advise(fitting) : 'Choose a smaller model, or run the export with onnxruntime outside a browser.',
  );
}
