import type { Graph } from '../graph/graph.ts';
import { type AdamState, adam, applyUpdate, shareTaken, squares, type StackShape } from '../graph/ops/optimizer.ts';
import { batchedMatmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Side of a matrix on which the shared space acts: S ∈ R^{rows×k} from the left, or R^{columns×k} from the right. */
export type Side = 'rows' | 'columns';

/** The shared space of a stack: S [n, dimension, k], of which unused columns are zero. */
export interface StackSpace {
  readonly S: Tensor;
  readonly side: Side;
}

/** Bases of a projected stack; METHOD.md section 3. U [n, out, r], V transposed [n, r, in]; at least one of them. */
export interface StackBasis {
  readonly U?: Tensor | undefined;
  readonly Vt?: Tensor | undefined;
}

/** Where the energy that a projection takes away is recorded: [n] each. */
export interface ShareRecord {
  readonly before: Tensor;
  readonly after: Tensor;
  readonly share: Tensor;
}

/**
 * x minus its part in the space: x − S Sᵀ x, or x − x S Sᵀ, for every matrix of a stack.
 *
 * @param x [n, rows, columns], `stride` elements apart.
 */
export function projectAway(g: Graph, x: Tensor, space: StackSpace, stride: number): Tensor {
  if (space.side === 'rows') {
    const inside = batchedMatmul(g, space.S, x, { layout: 'tn' }); // [n, k, columns]
    return batchedMatmul(g, space.S, inside, { layout: 'nn', alpha: -1, addend: x, stride });
  }
  const inside = batchedMatmul(g, x, space.S, { layout: 'nn' }); // [n, rows, k]
  return batchedMatmul(g, inside, space.S, { layout: 'nt', alpha: -1, addend: x, stride });
}

function projectedAndRecorded(
  g: Graph,
  x: Tensor,
  space: StackSpace | undefined,
  stack: StackShape,
  record: ShareRecord | undefined,
): Tensor {
  if (space === undefined) return x;
  const y = projectAway(g, x, space, stack.stride);
  if (record !== undefined) {
    squares(g, x, stack, record.before);
    squares(g, y, stack, record.after);
    shareTaken(g, record.before, record.after, stack.count, record.share);
  }
  return y;
}

/** One step for a stack of plainly trained tensors or of LoRA's A: METHOD.md section 3, first two bullets. */
export function recordPlainUpdate(
  g: Graph,
  stack: { gradient: Tensor; weights: Tensor; shape: StackShape },
  state: AdamState,
  space?: StackSpace,
  options: { projectUpdate?: boolean; record?: ShareRecord | undefined } = {},
): void {
  const gradient = projectedAndRecorded(g, stack.gradient, space, stack.shape, options.record);
  const update = adam(g, gradient, stack.shape, state);
  const kept = space && options.projectUpdate ? projectAway(g, update, space, stack.shape.stride) : update;
  applyUpdate(g, kept, stack.shape, stack.weights);
}

/** What a projected full-rank stack is updated with. */
export interface ProjectedStack {
  gradient: Tensor;
  weights: Tensor;
  /** Shape of the full matrices, and of the low-rank form that Adam sees. */
  shape: StackShape;
  lowRank: StackShape;
  basis: StackBasis;
  scale: number;
}

/**
 * One step for a stack of full-rank weights: METHOD.md section 3, third bullet, without the refresh of the basis.
 *
 * @param space acts on the low-rank form, or with `onFullGradient` on the full gradient before it is compressed
 *   (activation space, METHOD.md section 4).
 */
export function recordProjectedUpdate(
  g: Graph,
  stack: ProjectedStack,
  state: AdamState,
  space?: StackSpace,
  options: { projectUpdate?: boolean; onFullGradient?: boolean; record?: ShareRecord | undefined } = {},
): void {
  const { shape, lowRank, basis, scale } = stack;
  const onFull = options.onFullGradient === true;
  const G = onFull ? projectedAndRecorded(g, stack.gradient, space, shape, options.record) : stack.gradient;
  const compressed = compress(g, G, basis, lowRank);
  const R = onFull ? compressed : projectedAndRecorded(g, compressed, space, lowRank, options.record);
  let N = adam(g, R, lowRank, state);
  // With a right basis inside the complement of S, N Vᵀ cannot leave it; a left one keeps the input side whole.
  if (space && options.projectUpdate && (!onFull || basis.Vt === undefined))
    N = projectAway(g, N, space, lowRank.stride);
  const into = { into: stack.weights, accumulate: true, alpha: -scale };
  if (basis.U === undefined && basis.Vt !== undefined) {
    batchedMatmul(g, N, basis.Vt, { layout: 'nn', ...into });
  } else if (basis.U !== undefined && basis.Vt === undefined) {
    batchedMatmul(g, basis.U, N, { layout: 'nn', ...into });
  } else if (basis.U !== undefined && basis.Vt !== undefined) {
    const UN = batchedMatmul(g, basis.U, N, { layout: 'nn' }); // [n, out, r]
    batchedMatmul(g, UN, basis.Vt, { layout: 'nn', ...into });
  }
}

/** R = G V_r, U_rᵀ G, or U_rᵀ G V_r. */
function compress(g: Graph, G: Tensor, { U, Vt }: StackBasis, lowRank: StackShape): Tensor {
  const { stride } = lowRank;
  if (U === undefined && Vt !== undefined) {
    return batchedMatmul(g, G, Vt, { layout: 'nt', stride }); // [n, out, r]
  }
  if (U !== undefined && Vt === undefined) {
    return batchedMatmul(g, U, G, { layout: 'tn', stride }); // [n, r, in]
  }
  if (U === undefined || Vt === undefined) throw new Error('a projected stack needs a basis');
  const UG = batchedMatmul(g, U, G, { layout: 'tn' }); // [n, r, in]
  return batchedMatmul(g, UG, Vt, { layout: 'nt', stride }); // [n, r, r]
}
