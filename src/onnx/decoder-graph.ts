import type { DecoderConfig, DecoderLayer } from '../models/decoder-config.ts';
import { rotaryTable } from '../models/rotary-angles.ts';
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
  WITH_NUMBERS,
} from './attention-parts.ts';
import type { OnnxDtype } from './dtypes.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import { type AdaptersByPrompt, type AdaptersOf, GraphWeights, type ReadWeight } from './graph-weights.ts';

/**
 * Maximum number of positions with angles in the graph. Every file contains them: 128 Ki positions take 67 MB with
 * heads of 128.
 */
const MAX_POSITIONS = 8192;

/** Positions that an export of this model reads, also given in its config. */
export const positionsOf = ({ maxPositions }: Pick<DecoderConfig, 'maxPositions'>): number =>
  Math.min(maxPositions, MAX_POSITIONS);

/** The parts of a graph. */
interface Parts {
  g: GraphBuilder;
  weights: GraphWeights;
  form: Readonly<DecoderConfig>;
  /** The shapes of scores: with the heads of a group merged, [B, Hk, G · T, K], and separate, [B, Hk, G, T, K]. */
  together: Value;
  apart: Value;
  positions: Value;
}

/**
 * `model.onnx` of a decoder-only model: input_ids [B, T], attention_mask [B, P + T], position_ids [B, T] and the caches
 * of P tokens → logits [B, T, V] and the caches of P + T tokens. P is 0 in the first call.
 *
 * @param read gives the parameters as the data is written.
 * @param adaptersOf makes the adapters that count by the prompt, if there are some.
 */
export function decoderGraph(
  form: Readonly<DecoderConfig>,
  dtype: OnnxDtype,
  read: ReadWeight,
  adaptersOf?: AdaptersOf,
): GraphBuilder {
  const { vocabSize, hiddenSize, numHeads, numKeyHeads, headDim, eps, normAddsOne } = form;
  const g = new GraphBuilder();
  const weights = new GraphWeights(g, dtype, read, adaptersOf);
  const { adapters } = weights;
  const size = ['batch_size', 'sequence_length'];
  const ids = g.input('input_ids', 'i64', size);
  const mask = g.input('attention_mask', 'i64', ['batch_size', 'past_sequence_length + sequence_length']);
  const positions = g.input('position_ids', 'i64', size);
  const isPlain = Math.floor(hiddenSize / numHeads) === headDim;
  const cacheForm = { heads: numKeyHeads, length: 'past_sequence_length', headDim, isPlain };
  const withNumbers = headDim + (adapters?.count ?? 0);
  const keysAndNumbers = adapters
    ? pastInput(g, 'past_key_values.0.key', { ...cacheForm, headDim: withNumbers, isPlain: false }, WITH_NUMBERS)
    : '';
  const caches = form.layers.map((_, i) => ({
    k: i === 0 && adapters ? keysAndNumbers : pastInput(g, `past_key_values.${i}.key`, cacheForm),
    v: pastInput(g, `past_key_values.${i}.value`, cacheForm),
  }));

  const length = dimension(g, ids, 1); // T
  const total = g.node('Add', [dimension(g, caches[0].k, 2), length]); // K
  const groups = numHeads / numKeyHeads;
  const parts: Parts = {
    g,
    weights,
    form,
    together: g.node('Concat', [g.ints(0, 0, -1), total], { axis: 0 }),
    apart: g.node('Concat', [g.ints(0, numKeyHeads, groups), length, total], { axis: 0 }),
    positions,
  };
  const hides = hiddenPairs(parts, caches[0].k, ids, paddingMask(g, mask, [1, 2, 3])); // [B, 1, 1, 1, K]

  let x = weights.embedding('model.embed_tokens.weight', ids, [vocabSize, hiddenSize]); // [B, T, D]
  const numbers = adapters && numbersOf(g, adapters, { x, mask, hiddenSize, headDim, keysAndNumbers });
  if (form.embeddingScale !== 1) x = g.node('Mul', [x, g.float(form.embeddingScale)]);
  const norm = (name: string, value: Value): Value =>
    weights.norm(`${name}.weight`, value, hiddenSize, eps, normAddsOne);
  form.layers.forEach((layerForm, i) => {
    const layer = `model.layers.${i}`;
    const present = { k: `present.${i}.key`, v: `present.${i}.value` };
    const normed = norm(`${layer}.input_layernorm`, x);
    const attended = attention(
      parts,
      `${layer}.self_attn`,
      layerForm,
      normed,
      caches[i],
      present,
      hides(layerForm),
      i === 0 ? numbers : undefined,
    );
    for (const name of Object.values(present)) {
      const columns = name === 'present.0.key' ? withNumbers : headDim;
      g.output(name, ['batch_size', numKeyHeads, 'past_sequence_length + sequence_length', columns]);
    }
    if (form.outputNorms) {
      x = g.node('Add', [x, norm(`${layer}.post_attention_layernorm`, attended)]); // [B, T, D]
      const fed = feedForward(parts, `${layer}.mlp`, norm(`${layer}.pre_feedforward_layernorm`, x));
      x = g.node('Add', [x, norm(`${layer}.post_feedforward_layernorm`, fed)]);
    } else {
      x = g.node('Add', [x, attended]);
      x = g.node('Add', [x, feedForward(parts, `${layer}.mlp`, norm(`${layer}.post_attention_layernorm`, x))]);
    }
  });
  const last = norm('model.norm', x); // [B, T, D]
  if (form.tied) weights.tiedOutput('model.embed_tokens.weight', last, [vocabSize, hiddenSize]);
  else weights.output(last, { out: vocabSize, inputs: hiddenSize });
  g.output('logits', [...size, vocabSize]);
  return g;
}

/**
 * The numbers of the prompt, [B, 1, n], which the first call reads as a whole. They do not change while the model
 * answers, so the first layer's cached keys have them as further columns, equal at all positions.
 *
 * @param inputs `x`: embeddings [B, T, D]; `keysAndNumbers`: cached keys of the first layer [B, Hk, P, d + n].
 */
function numbersOf(
  g: GraphBuilder,
  adapters: AdaptersByPrompt,
  inputs: { x: Value; mask: Value; hiddenSize: number; headDim: number; keysAndNumbers: Value },
): Value {
  const { x, mask, hiddenSize, headDim, keysAndNumbers } = inputs;
  const end = g.ints(Number.MAX_SAFE_INTEGER);
  const seen = g.node('Slice', [mask, dimension(g, keysAndNumbers, 2), end, g.ints(1)]); // [B, T]
  const fresh = adapters.compute(meansOf(g, x, seen), hiddenSize); // [B, 1, n]
  const stored = g.node('Slice', [
    keysAndNumbers,
    g.ints(0, headDim),
    g.ints(1, headDim + adapters.count),
    g.ints(1, 3),
  ]);
  const both = g.node('Concat', [g.node('Squeeze', [stored, g.ints(1)]), fresh], { axis: 1 }); // [B, P + 1, n]
  const numbers = g.node('Slice', [both, g.ints(0), g.ints(1), g.ints(1)]);
  adapters.open(numbers);
  return numbers;
}

/**
 * The mask of keys for queries, [B, 1, 1, T, K], by the layer's window: hides padding, the future, and keys before the
 * window. Distances are between indices, as in Hugging Face's masks, not position ids.
 *
 * @param cache of keys, [B, Hk, P, d]; @param ids [B, T].
 */
function hiddenPairs({ g, weights }: Parts, cache: Value, ids: Value, padding: Value) {
  const past = dimensionScalar(g, cache, 2);
  const length = dimensionScalar(g, ids, 1);
  const made = new Map<number | null, Value>();
  return ({ window }: DecoderLayer): Value => {
    const known = made.get(window);
    if (known !== undefined) return known;
    const low = window === null ? 0 : -window;
    const distances = clippedDistances(g, past, length, [low, 1]); // [T, K]
    const seen = (distance: number): boolean => distance <= 0 && (window === null || distance > -window);
    const table = weights.table(`hidden_by_distance_${window ?? 'any'}`, [2 - low], () =>
      Promise.resolve(Float32Array.from({ length: 2 - low }, (_, row) => (seen(row + low) ? 0 : HIDDEN))),
    );
    const mask = g.node('Add', [g.node('Gather', [table, distances]), padding]); // [B, 1, 1, T, K]
    made.set(window, mask);
    return mask;
  };
}

/**
 * Softmax(s q kᵀ + mask) v and the output layer, with the caches; LlamaAttention and its relatives. Keys are not
 * repeated for the heads that share them: one matrix holds those heads' queries.
 *
 * @param present names of the new caches.
 * @param numbers [B, 1, n] of the prompt, stored with the keys of this layer.
 */
function attention(
  parts: Parts,
  name: string,
  { rotary }: DecoderLayer,
  x: Value,
  cache: { k: Value; v: Value },
  present: { k: Value; v: Value },
  mask: Value,
  numbers?: Value,
): Value {
  const { g, weights, form, together, apart } = parts;
  const { numHeads, numKeyHeads, headDim, hiddenSize, biases, headNorms, eps, normAddsOne } = form;
  const heads = (part: 'q' | 'k' | 'v', count: number): Value => {
    const sizes = { out: count * headDim, inputs: hiddenSize };
    const split = splitHeads(g, weights.linear(`${name}.${part}_proj`, x, sizes, biases.qkv), count, headDim);
    if (part === 'v') return split; // [B, Hk, T, d]
    const normed = headNorms ? weights.norm(`${name}.${part}_norm.weight`, split, headDim, eps, normAddsOne) : split;
    return rotary === null ? normed : turned(parts, normed, rotary); // [B, H, T, d]
  };
  const keys = (past: Value, added: Value): Value => {
    if (numbers === undefined) return g.node('Concat', [past, added], { axis: 2 }, present.k);
    const none = g.node('Mul', [g.node('Slice', [added, g.ints(0), g.ints(1), g.ints(3)]), g.float(0)]); // [B, Hk, T, 1]
    const widened = g.node('Concat', [added, g.node('Add', [none, g.node('Unsqueeze', [numbers, g.ints(1)])])], {
      axis: 3,
    });
    const all = g.node('Concat', [past, widened], { axis: 2 }, present.k);
    return g.node('Slice', [all, g.ints(0), g.ints(headDim), g.ints(3)]);
  };
  const q = g.node('Mul', [heads('q', numHeads), g.float(form.attentionScale)]); // [B, H, T, d]
  const k = keys(cache.k, heads('k', numKeyHeads)); // [B, Hk, K, d]
  const v = g.node('Concat', [cache.v, heads('v', numKeyHeads)], { axis: 2 }, present.v);

  const grouped = g.node('Reshape', [q, g.ints(0, numKeyHeads, -1, headDim)]); // [B, Hk, G · T, d]
  const scores = g.node('MatMul', [grouped, g.node('Transpose', [k], { perm: [0, 1, 3, 2] })]); // [B, Hk, G · T, K]
  const masked = g.node('Add', [g.node('Reshape', [scores, apart]), mask]); // [B, Hk, G, T, K]
  const shares = g.node('Reshape', [g.node('Softmax', [masked], { axis: -1 }), together]); // [B, Hk, G · T, K]
  const mixed = g.node('Reshape', [g.node('MatMul', [shares, v]), g.ints(0, numHeads, -1, headDim)]); // [B, H, T, d]
  const sizes = { out: hiddenSize, inputs: numHeads * headDim };
  return weights.linear(`${name}.o_proj`, joinHeads(g, mixed, numHeads, headDim), sizes, biases.o); // [B, T, D]
}

/** Rotary embedding of x [B, H, T, d] with the angles of one of the model's tables. */
function turned({ g, weights, form, positions }: Parts, x: Value, table: number): Value {
  const rows = positionsOf(form);
  const half = form.headDim / 2;
  const angles = (part: 'cos' | 'sin'): Value =>
    weights.table(`rotary_${table}_${part}`, [rows, half], () => {
      const both = rotaryTable(form.rotaries[table], rows); // [rows, d]: cos, then sin
      const begin = part === 'cos' ? 0 : half;
      const values = Float32Array.from({ length: rows * half }, (_, at) => {
        return both[Math.floor(at / half) * form.headDim + begin + (at % half)];
      });
      return Promise.resolve(values);
    });
  return g.node('RotaryEmbedding', [x, positions, angles('cos'), angles('sin')], { interleaved: 0 });
}

/** down(f(gate(x)) · up(x)), LlamaMLP. */
function feedForward({ g, weights, form }: Parts, name: string, x: Value): Value {
  const { hiddenSize, intermediateSize, biases, activation } = form;
  const wide = (part: string): Value =>
    weights.linear(`${name}.${part}_proj`, x, { out: intermediateSize, inputs: hiddenSize }, biases.mlp); // [B, T, F]
  const hidden = g.node('Mul', [activate(g, wide('gate'), activation), wide('up')]);
  return weights.linear(`${name}.down_proj`, hidden, { out: hiddenSize, inputs: intermediateSize }, biases.mlp);
}
