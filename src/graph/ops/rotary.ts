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
 * Rotary position embedding of queries and keys, or of one of them, pairs (e, e + d/2) as in Hugging Face's
 * `apply_rotary_pos_emb`. Token s of row b has position max(0, s + position + start[b / (B / Bs)]), or max(0, position
 * + start[b, s]).
 *
 * @param xs one or two tensors [B, S, heads · d], each with any number of heads.
 * @returns the rotated tensors.
 */
export function rotary(g: Graph, xs: readonly Tensor[], lookup: RotaryLookup): Tensor[] {
  return rotate(g, xs, lookup, false);
}

function rotate(g: Graph, xs: readonly Tensor[], lookup: RotaryLookup, back: boolean): Tensor[] {
  const { table, start, position } = lookup;
  const [{ shape }] = xs;
  // Tokens with their own positions are rows of one token.
  const [B, S] = start.shape.length === 2 ? [shape[0] * shape[1], 1] : shape;
  const Bs = sizeOf(start.shape);
  const [positions, d] = table.shape;
  const half = d / 2;
  const heads = xs.map((x) => x.shape[2] / d);
  const pairs = xs.reduce((sum, x) => sum + sizeOf(x.shape) / 2, 0);
  const ys = xs.map((x) => g.intermediate(`rotary(${x.name})`, x.shape));
  g.record({
    name: 'rotary embedding',
    inputs: [...xs, table, start, position],
    outputs: ys,
    calls: () => [
      {
        kernel: {
          name: `rotary${back ? '/gradient' : ''}-${xs.length}`,
          wgsl: () => fillTemplate(template, { SIGN: back ? '-' : '', TENSORS: xs.length }),
          wasm: { entry: 'rotary', constants: [back ? 1 : 0] },
        },
        params: [pairs, B, S, half, Bs, positions, heads[0], heads[1] ?? 0].map(u32),
        tensors: [table, start, position, ...xs.flatMap((x, t) => [x, ys[t]])],
        workgroups: flatWorkgroups(pairs, 64),
        units: B * S,
        cost: pairs * 20,
      },
    ],
    reference: (value) => {
      const angles = value(table);
      xs.forEach((x, t) => {
        const [from, to] = [value(x), value(ys[t])];
        for (let at = 0; at < from.length / 2; at++) {
          const e = at % half;
          const head = Math.floor(at / half);
          const token = Math.floor(head / heads[t]);
          const row = Math.floor(Math.floor(token / S) / (B / Bs));
          const n = (token % S) + value(position)[0] + value(start)[row];
          const angle = Math.min(Math.max(n, 0), positions - 1) * d + e;
          const [c, s] = [angles[angle], angles[angle + half] * (back ? -1 : 1)];
          const first = head * d + e;
          to[first] = from[first] * c - from[first + half] * s;
          to[first + half] = from[first + half] * c + from[first] * s;
        }
      });
    },
    gradient: (dys) => {
      const known = dys.filter((dy) => dy !== undefined);
      const dxs = known.length > 0 ? rotate(g, known, lookup, !back) : [];
      return dys.map((dy) => dy && dxs[known.indexOf(dy)]);
    },
  });
  return ys;
}
