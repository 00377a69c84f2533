import template from '../../../shaders/rotary.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** The positions of tokens, and the angles of positions. */
export interface RotaryLookup {
  /** f32 [positions, d]: cos of the d/2 angles of each position, then sin. */
  readonly table: Tensor;
  /**
   * i32 [Bs], Bs divides B: position of the first token of a row, below 0 if the row begins with padding. Or [B, S]:
   * the position of every token, whatever its index in its row.
   */
  readonly start: Tensor;
  /** u32 [1], added to the position of every token: 0 except in generation. */
  readonly position: Tensor;
}

/**
 * Rotary position embedding of queries or keys x [B, S, heads · d], pairs (e, e + d/2) as in Hugging Face's
 * `apply_rotary_pos_emb`. Token s of row b has position max(0, s + position + start[b / (B / Bs)]), or max(0, position
 * + start[b, s]).
 */
export function rotary(g: Graph, x: Tensor, heads: number, lookup: RotaryLookup): Tensor {
  return rotate(g, x, heads, lookup, false);
}

function rotate(g: Graph, x: Tensor, heads: number, lookup: RotaryLookup, back: boolean): Tensor {
  const { table, start, position } = lookup;
  const width = x.shape[2];
  // Tokens with their own positions are rows of one token.
  const [B, S] = start.shape.length === 2 ? [x.shape[0] * x.shape[1], 1] : x.shape;
  const half = width / heads / 2;
  const Bs = sizeOf(start.shape);
  const [positions] = table.shape;
  const pairs = sizeOf(x.shape) / 2;
  const y = g.intermediate(`rotary(${x.name})`, x.shape);
  return g.record({
    name: 'rotary embedding',
    inputs: [x, table, start, position],
    outputs: [y],
    calls: () => [
      {
        kernel: {
          name: `rotary${back ? '/gradient' : ''}`,
          wgsl: () => fillTemplate(template, { GRADIENT: back }),
          wasm: { entry: 'rotary', constants: [back ? 1 : 0] },
        },
        params: [pairs, B, S, heads, half, Bs, positions].map(u32),
        tensors: [x, table, start, position, y],
        workgroups: flatWorkgroups(pairs, 64),
        units: B * S,
        cost: pairs * 20,
      },
    ],
    reference: (value) => {
      const [xs, ys, angles] = [value(x), value(y), value(table)];
      for (let at = 0; at < pairs; at++) {
        const e = at % half;
        const head = Math.floor(at / half);
        const token = Math.floor(head / heads);
        const row = Math.floor(Math.floor(token / S) / (B / Bs));
        const n = (token % S) + value(position)[0] + value(start)[row];
        const angle = Math.min(Math.max(n, 0), positions - 1) * half * 2 + e;
        const [c, s] = [angles[angle], angles[angle + half] * (back ? -1 : 1)];
        const first = head * half * 2 + e;
        ys[first] = xs[first] * c - xs[first + half] * s;
        ys[first + half] = xs[first + half] * c + xs[first] * s;
      }
    },
    gradient: ([dy]) => [dy && rotate(g, dy, heads, lookup, !back)],
  });
}
