import template from '../../../shaders/rotary.wgsl?raw';
import { flatWorkgroups, u32 } from '../../device/kernel.ts';
import { fillTemplate } from '../../device/template.ts';
import type { Graph } from '../graph.ts';
import { sizeOf, type Tensor } from '../tensor.ts';

/** The positions of tokens, and the angles of positions. */
export interface RotaryLookup {
  /** f32 [positions, d]: cos of the d/2 angles of each position, then sin. */
  readonly table: Tensor;
  /** i32 [N]: the position of every token. */
  readonly positions: Tensor;
  /** u32 [1], added to every position: 0 except in generation. */
  readonly offset: Tensor;
}

/**
 * Rotary position embedding of queries and keys, or of one of them, pairs (e, e + d/2) as in Hugging Face's
 * `apply_rotary_pos_emb`, at max(0, position + offset).
 *
 * @param xs one or two tensors [1, N, heads · d], each with any number of heads.
 * @returns the rotated tensors.
 */
export function rotary(g: Graph, xs: readonly Tensor[], lookup: RotaryLookup): Tensor[] {
  return rotate(g, xs, lookup, false);
}

function rotate(g: Graph, xs: readonly Tensor[], lookup: RotaryLookup, back: boolean): Tensor[] {
  const { table, positions, offset } = lookup;
  const [reach, d] = table.shape;
  const half = d / 2;
  const heads = xs.map((x) => x.shape[2] / d);
  const pairs = xs.reduce((sum, x) => sum + sizeOf(x.shape) / 2, 0);
  const ys = xs.map((x) => g.intermediate(`rotary(${x.name})`, x.shape));
  g.record({
    name: 'rotary embedding',
    inputs: [...xs, table, positions, offset],
    outputs: ys,
    calls: () => [
      {
        kernel: {
          name: `rotary${back ? '/gradient' : ''}-${xs.length}`,
          wgsl: () => fillTemplate(template, { SIGN: back ? '-' : '', TENSORS: xs.length }),
          wasm: { entry: 'rotary', constants: [back ? 1 : 0] },
        },
        params: [pairs, half, reach, heads[0], heads[1] ?? 0].map(u32),
        tensors: [table, positions, offset, ...xs.flatMap((x, t) => [x, ys[t]])],
        workgroups: flatWorkgroups(pairs, 64),
        units: sizeOf(positions.shape),
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
          const n = value(offset)[0] + value(positions)[token];
          const angle = Math.min(Math.max(n, 0), reach - 1) * d + e;
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
