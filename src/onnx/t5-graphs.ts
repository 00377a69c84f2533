import { positionBiasName, relativePositionBucket, type T5Config } from '../models/t5-config.ts';
import {
  activate,
  clippedDistances,
  dimension,
  dimensionScalar,
  HIDDEN,
  joinHeads,
  meansOf,
  paddingMask,
  pastInput,
  splitHeads,
} from './attention-parts.ts';
import type { OnnxDtype } from './dtypes.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import { type AdaptersOf, GraphWeights, type ReadWeight } from './graph-weights.ts';

/** The end of an axis, whatever its length. */
const END = Number.MAX_SAFE_INTEGER;

/** The parts of a T5 graph. */
interface Parts {
  g: GraphBuilder;
  weights: GraphWeights;
  form: Readonly<T5Config>;
}

/**
 * `encoder_model.onnx`: input_ids and attention_mask [B, S] → last_hidden_state [B, S, D]; T5Stack of Hugging Face.
 * With adapters that count by the prompt, it passes the prompt's numbers to the decoder as further columns, equal at all
 * positions.
 *
 * @param read gives the parameters as the data is written. @param adaptersOf makes the adapters.
 */
export function t5EncoderGraph(
  form: Readonly<T5Config>,
  dtype: OnnxDtype,
  read: ReadWeight,
  adaptersOf?: AdaptersOf,
): GraphBuilder {
  const g = new GraphBuilder();
  const weights = new GraphWeights(g, dtype, read, adaptersOf);
  const parts: Parts = { g, weights, form };
  const { adapters } = weights;
  const { numLayers, dModel, eps } = form;
  const size = ['batch_size', 'encoder_sequence_length'];
  const ids = g.input('input_ids', 'i64', size);
  const mask = g.input('attention_mask', 'i64', size);

  const bias = positionBias(parts, 'encoder', g.int(0), dimensionScalar(g, ids, 1));
  const padding = paddingMask(g, mask, [1, 2]); // [B, 1, 1, S]
  let x = weights.embedding('shared.weight', ids, [form.vocabSize, dModel]); // [B, S, D]
  const numbers = adapters?.compute(meansOf(g, x, mask), dModel); // [B, 1, n]
  if (numbers !== undefined) adapters?.open(numbers);
  let scores: Value | undefined;
  for (let i = 0; i < numLayers; i++) {
    const block = `encoder.block.${i}.layer`;
    if (scores === undefined || form.biasPerLayer) scores = g.node('Add', [bias(i), padding]); // [B, H, S, S]
    const normed = weights.norm(`${block}.0.layer_norm.weight`, x, dModel, eps);
    const layer = `${block}.0.SelfAttention`;
    const [k, v] = (['k', 'v'] as const).map((part) => heads(parts, `${layer}.${part}`, normed));
    x = g.node('Add', [x, attention(parts, layer, normed, k, v, scores)]); // [B, S, D]
    x = feedForward(parts, `${block}.1`, x);
  }
  const name = 'last_hidden_state';
  const last = weights.norm('encoder.final_layer_norm.weight', x, dModel, eps);
  if (numbers === undefined) g.node('Identity', [last], {}, name);
  else {
    const none = g.node('Mul', [g.node('Slice', [last, g.ints(0), g.ints(1), g.ints(2)]), g.float(0)]); // [B, S, 1]
    g.node('Concat', [last, g.node('Add', [none, numbers])], { axis: 2 }, name);
  }
  g.output(name, [...size, dModel + (adapters?.count ?? 0)]);
  return g;
}

/**
 * `decoder_model_merged.onnx`: one graph for the first token and all later ones. The lengths of the caches, which begin
 * at 0, say how much is cached. The first call computes keys and values of the encoder's text; later they come from the
 * cache, and the slice to compute them from is empty.
 */
export function t5DecoderGraph(
  form: Readonly<T5Config>,
  dtype: OnnxDtype,
  read: ReadWeight,
  adaptersOf?: AdaptersOf,
): GraphBuilder {
  const g = new GraphBuilder();
  const weights = new GraphWeights(g, dtype, read, adaptersOf);
  const parts: Parts = { g, weights, form };
  const { adapters } = weights;
  const { dModel, eps, vocabSize, numHeads, dKv } = form;
  const mask = g.input('encoder_attention_mask', 'i64', ['batch_size', 'encoder_sequence_length']);
  const ids = g.input('input_ids', 'i64', ['batch_size', 'decoder_sequence_length']);
  const given = g.input('encoder_hidden_states', 'f32', [
    ...['batch_size', 'encoder_sequence_length'],
    dModel + (adapters?.count ?? 0),
  ]);
  const columns = (from: number, to: number): Value => g.node('Slice', [given, g.ints(from), g.ints(to), g.ints(2)]);
  const encoded = adapters ? columns(0, dModel) : given;
  adapters?.open(g.node('Slice', [columns(dModel, dModel + adapters.count), g.ints(0), g.ints(1), g.ints(1)]));
  const caches = Array.from({ length: form.numDecoderLayers }, (_, i) => cacheInputs(parts, i));

  const past = dimensionScalar(g, caches[0].own.k, 2);
  const bias = positionBias(parts, 'decoder', past, dimensionScalar(g, ids, 1)); // hides the future, too
  const padding = paddingMask(g, mask, [1, 2]); // [B, 1, 1, S]
  const cached = dimension(g, caches[0].encoder.k, 2); // 0 in the first call, then S
  const fresh = g.node('Slice', [encoded, cached, g.ints(END), g.ints(1)]); // [B, S or 0, D]

  let x = weights.embedding('shared.weight', ids, [vocabSize, dModel]); // [B, T, D]
  caches.forEach(({ own, encoder }, i) => {
    const block = `decoder.block.${i}.layer`;
    const join = (cache: Value, added: Value, name?: Value): Value =>
      g.node('Concat', [cache, added], { axis: 2 }, name);
    const size = ['batch_size', numHeads, 'past_decoder_sequence_length + decoder_sequence_length', dKv];

    const normed = weights.norm(`${block}.0.layer_norm.weight`, x, dModel, eps);
    const self = `${block}.0.SelfAttention`;
    const present = `present.${i}.decoder`;
    const k = join(own.k, heads(parts, `${self}.k`, normed), `${present}.key`); // [B, H, P + T, d]
    const v = join(own.v, heads(parts, `${self}.v`, normed), `${present}.value`);
    for (const name of [k, v]) g.output(name, size);
    x = g.node('Add', [x, attention(parts, self, normed, k, v, bias(i))]); // [B, T, D]

    const crossed = weights.norm(`${block}.1.layer_norm.weight`, x, dModel, eps);
    const cross = `${block}.1.EncDecAttention`;
    const added = (['k', 'v'] as const).map((part) => {
      const name = `present.${i}.encoder.${part === 'k' ? 'key' : 'value'}`;
      g.output(name, ['batch_size', numHeads, 'encoder_sequence_length_new', dKv]);
      return heads(parts, `${cross}.${part}`, fresh, name); // [B, H, S or 0, d]
    });
    const [crossK, crossV] = [join(encoder.k, added[0]), join(encoder.v, added[1])]; // [B, H, S, d]
    x = g.node('Add', [x, attention(parts, cross, crossed, crossK, crossV, padding)]);
    x = feedForward(parts, `${block}.2`, x);
  });
  const last = weights.norm('decoder.final_layer_norm.weight', x, dModel, eps); // [B, T, D]
  if (form.tied) {
    const scaled = g.node('Mul', [last, g.float(dModel ** -0.5)]);
    weights.tiedOutput('shared.weight', scaled, [vocabSize, dModel]);
  } else {
    weights.output(last, { out: vocabSize, inputs: dModel });
  }
  g.output('logits', ['batch_size', 'decoder_sequence_length', vocabSize]);
  return g;
}

/** Keys and values, [B, H, length, d] each. */
interface Cache {
  k: Value;
  v: Value;
}

/** The caches of a decoder layer. Optimum fills them in this order. */
function cacheInputs({ g, form }: Parts, layer: number): { own: Cache; encoder: Cache } {
  const { numHeads: heads, dKv: headDim, dModel } = form;
  const isPlain = Math.floor(dModel / heads) === headDim;
  const cache = (kind: string, length: string): Cache => {
    const [k, v] = ['key', 'value'].map((part) =>
      pastInput(g, `past_key_values.${layer}.${kind}.${part}`, { heads, length, headDim, isPlain }),
    );
    return { k, v };
  };
  const own = cache('decoder', 'past_decoder_sequence_length');
  return { own, encoder: cache('encoder', 'encoder_sequence_length_out') };
}

/**
 * Position bias [1, H, Q, K] of a layer: a table by clipped distance instead of buckets, which do not change beyond the
 * largest distance. In the decoder the last row hides the future.
 *
 * @param past i64 scalar, @param length i64 scalar: of the queries.
 */
function positionBias({ g, weights, form }: Parts, stack: 'encoder' | 'decoder', past: Value, length: Value) {
  const { buckets, maxDistance, numHeads, biasPerLayer } = form;
  const isEncoder = stack === 'encoder';
  const low = -maxDistance;
  const high = isEncoder ? maxDistance : 1;
  const distances = clippedDistances(g, past, length, [low, high]); // [Q, K]
  const made = new Map<number, Value>();
  return (layer: number): Value => {
    const owner = biasPerLayer ? layer : 0;
    const known = made.get(owner);
    if (known !== undefined) return known;
    const parameter = positionBiasName(stack, owner);
    const table = weights.table(`${parameter}_by_distance`, [high - low + 1, numHeads], async (read) => {
      const byBucket = await read(parameter); // [buckets, H]
      const rows = new Float32Array((high - low + 1) * numHeads).fill(HIDDEN);
      for (let distance = low; distance <= (isEncoder ? high : 0); distance++) {
        const bucket = relativePositionBucket(distance, isEncoder, buckets, maxDistance);
        rows.set(byBucket.subarray(bucket * numHeads, (bucket + 1) * numHeads), (distance - low) * numHeads);
      }
      return rows;
    });
    const byPair = g.node('Gather', [table, distances]); // [Q, K, H]
    const bias = g.node('Unsqueeze', [g.node('Transpose', [byPair], { perm: [2, 0, 1] }), g.ints(0)]);
    made.set(owner, bias);
    return bias;
  };
}

/** A linear layer of x [B, T, D] as heads, [B, H, T, d]. */
function heads({ g, weights, form }: Parts, layer: string, x: Value, name?: Value): Value {
  const { numHeads, dKv, dModel } = form;
  const y = weights.linear(layer, x, { out: numHeads * dKv, inputs: dModel });
  const split = splitHeads(g, y, numHeads, dKv);
  return name === undefined ? split : g.node('Identity', [split], {}, name);
}

/** Softmax(q kᵀ + bias) v and the output layer, T5Attention; T5 has no scale. x [B, T, D] → [B, T, D]. */
function attention(parts: Parts, layer: string, x: Value, k: Value, v: Value, bias: Value): Value {
  const { g, weights, form } = parts;
  const { numHeads, dKv, dModel } = form;
  const q = heads(parts, `${layer}.q`, x); // [B, H, T, d]
  const scores = g.node('MatMul', [q, g.node('Transpose', [k], { perm: [0, 1, 3, 2] })]); // [B, H, T, K]
  const shares = g.node('Softmax', [g.node('Add', [scores, bias])], { axis: -1 });
  const mixed = joinHeads(g, g.node('MatMul', [shares, v]), numHeads, dKv); // [B, T, H · d]
  return weights.linear(`${layer}.o`, mixed, { out: dModel, inputs: numHeads * dKv });
}

/** x + the feed-forward layer of its norm, T5LayerFF. */
function feedForward({ g, weights, form }: Parts, block: string, x: Value): Value {
  const { dModel, dFf, activation, gated, eps } = form;
  const dense = `${block}.DenseReluDense`;
  const normed = weights.norm(`${block}.layer_norm.weight`, x, dModel, eps);
  const wide = (name: string): Value => weights.linear(`${dense}.${name}`, normed, { out: dFf, inputs: dModel });
  const hidden = gated
    ? g.node('Mul', [activate(g, wide('wi_0'), activation), wide('wi_1')])
    : activate(g, wide('wi'), activation); // [B, T, F]
  return g.node('Add', [x, weights.linear(`${dense}.wo`, hidden, { out: dModel, inputs: dFf })]);
}
