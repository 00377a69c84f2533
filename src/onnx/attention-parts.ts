import type { GraphBuilder, Value } from './graph-builder.ts';

/**
 * Hides a position: added to a score, it makes the probability 0. Even the sum of two, for padding and the future, is
 * finite, so a row that sees nothing has no NaN.
 */
export const HIDDEN = -1.7e38;

/** f32 [B, S] with 0 where a mask [B, S] (i64) is 1, and {@link HIDDEN} elsewhere; inserts `axes`. */
export function paddingMask(g: GraphBuilder, mask: Value, axes: readonly number[]): Value {
  const seen = g.node('Cast', [mask], { to: 1 }); // [B, S]
  const hides = g.node('Mul', [g.node('Sub', [g.float(1), seen]), g.float(HIDDEN)]); // [B, S]
  return g.node('Unsqueeze', [hides, g.ints(...axes)]);
}

/** Means over tokens, [B, 1, D]. @param x [B, S, D]. @param mask i64 [B, S], 1 for tokens. */
export function meansOf(g: GraphBuilder, x: Value, mask: Value): Value {
  const seen = g.node('Unsqueeze', [g.node('Cast', [mask], { to: 1 }), g.ints(1)]); // [B, 1, S]
  const count = g.node('ReduceSum', [seen, g.ints(2)], { keepdims: 1 }); // [B, 1, 1]
  return g.node('Div', [g.node('MatMul', [seen, x]), count]);
}

/** One dimension of a value, as i64 [1]. */
export const dimension = (g: GraphBuilder, of: Value, axis: number): Value =>
  g.node('Shape', [of], { start: axis, end: axis + 1 });

/**
 * One dimension of a value, as an i64 scalar. It is gathered, not squeezed: on WebGPU, onnxruntime 1.30 lets `Add`
 * overwrite its input although the result of `Squeeze`, which shares that memory, has not been read yet.
 */
export const dimensionScalar = (g: GraphBuilder, of: Value, axis: number): Value =>
  g.node('Gather', [g.node('Shape', [of]), g.int(axis)]);

/**
 * Key position − query position, clipped to [low, high], − low: i64 [Q, K], rows of a table of high − low + 1 rows.
 *
 * @param past i64 scalar: positions before the first query.
 * @param length i64 scalar: Q; K is past + Q.
 */
export function clippedDistances(
  g: GraphBuilder,
  past: Value,
  length: Value,
  [low, high]: readonly [number, number],
): Value {
  const end = g.node('Add', [past, length]);
  const queries = g.node('Unsqueeze', [g.node('Range', [past, end, g.int(1)]), g.ints(1)]); // [Q, 1]
  const keys = g.node('Unsqueeze', [g.node('Range', [g.int(0), end, g.int(1)]), g.ints(0)]); // [1, K]
  const distance = g.node('Sub', [keys, queries]); // [Q, K]
  return g.node('Sub', [g.node('Clip', [distance, g.int(low), g.int(high)]), g.int(low)]); // [Q, K]
}

/** x [B, T, H · d] → [B, H, T, d]. */
export function splitHeads(g: GraphBuilder, x: Value, heads: number, headDim: number): Value {
  const split = g.node('Reshape', [x, g.ints(0, 0, heads, headDim)]); // [B, T, H, d]
  return g.node('Transpose', [split], { perm: [0, 2, 1, 3] });
}

/** x [B, H, T, d] → [B, T, H · d]. */
export function joinHeads(g: GraphBuilder, x: Value, heads: number, headDim: number): Value {
  const back = g.node('Transpose', [x], { perm: [0, 2, 1, 3] }); // [B, T, H, d]
  return g.node('Reshape', [back, g.ints(0, 0, heads * headDim)]);
}

/**
 * The cached keys or values of an input.
 *
 * @param isPlain whether the head size is `hidden_size / num_heads`. If not, Optimum begins with an empty cache of
 *   another head size, so the dimension gets a name, and the cache is reshaped here.
 * @param size the name of that dimension.
 */
export function pastInput(
  g: GraphBuilder,
  name: string,
  { heads, length, headDim, isPlain }: { heads: number; length: string; headDim: number; isPlain: boolean },
  size = 'head_dim',
): Value {
  const past = g.input(name, 'f32', ['batch_size', heads, length, isPlain ? headDim : size]);
  return isPlain ? past : g.node('Reshape', [past, g.ints(0, 0, -1, headDim)]); // [B, H, P, d]
}

/**
 * Last dimension of the first layer's cached keys in a graph that passes on numbers of the prompt: its first call reads
 * the whole prompt. The name is from the first such graphs.
 */
export const WITH_NUMBERS = 'head_dim_and_gates';

/** f(x) of a feed-forward layer. */
export function activate(g: GraphBuilder, x: Value, activation: 'relu' | 'silu' | 'gelu_new'): Value {
  switch (activation) {
    case 'relu':
      return g.node('Relu', [x]);
    case 'gelu_new':
      return g.node('FastGelu', [x]); // the form with tanh
    case 'silu':
      return g.node('Mul', [x, g.node('Sigmoid', [x])]);
  }
}
