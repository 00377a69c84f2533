import type { Graph } from '../../graph/graph.ts';
import { addInto } from '../../graph/ops/elementwise.ts';
import { batchedMatmul, matmulEach } from '../../graph/ops/matmul.ts';
import {
  ADAM,
  adam,
  adamInto,
  type AdamState,
  applyUpdate,
  innerProducts,
  squares,
  type StackShape,
} from '../../graph/ops/optimizer.ts';
import type { Tensor } from '../../graph/tensor.ts';

/** Side of a matrix on which a shared space acts. */
export type Side = 'rows' | 'columns';

/** A space on the device that the matrices of a stack exclude. */
interface StackSpace {
  /** x without its part in the space. @param x [n, rows, columns], `stride` elements apart. */
  outside(g: Graph, x: Tensor, stride: number): Tensor;
  /**
   * Records the energy of an update's part in the space.
   *
   * @param Vt [n, r, columns]: the update is that of N Vᵀ, where N is the stack; V is orthonormal.
   * @param into [≥ n].
   */
  recordInside(g: Graph, update: Tensor, shape: StackShape, into: Tensor, Vt?: Tensor): void;
}

/** A space given by orthonormal directions S [n, dimension, k], whose unused columns are zero. */
export class BasisSpace implements StackSpace {
  constructor(
    readonly S: Tensor,
    /** S ∈ R^{rows×k} acts from the left, or S ∈ R^{columns×k} from the right. */
    readonly side: Side,
  ) {}

  /** x − S Sᵀ x, or x − x S Sᵀ. */
  outside(g: Graph, x: Tensor, stride: number): Tensor {
    const inside = this.#coordinates(g, x, this.S);
    return this.side === 'rows'
      ? batchedMatmul(g, this.S, inside, { layout: 'nn', alpha: -1, addend: x, stride })
      : batchedMatmul(g, inside, this.S, { layout: 'nt', alpha: -1, addend: x, stride });
  }

  /** S is orthonormal, so coordinates have the energy of the part. */
  recordInside(g: Graph, update: Tensor, { count }: StackShape, into: Tensor, Vt?: Tensor): void {
    const inside = this.#coordinates(g, update, Vt ? batchedMatmul(g, Vt, this.S, { layout: 'nn' }) : this.S);
    const stride = inside.elements / count;
    squares(g, inside, { count, size: stride, stride }, into);
  }

  /** Sᵀ x [n, k, columns], or x S [n, rows, k]. */
  #coordinates(g: Graph, x: Tensor, S: Tensor): Tensor {
    return this.side === 'rows' ? batchedMatmul(g, S, x, { layout: 'tn' }) : batchedMatmul(g, x, S, { layout: 'nn' });
  }
}

/** A space of inputs given by the symmetric matrix P = I − S Sᵀ [in, in] of each matrix of a stack; acts on columns. */
export class DenseSpace implements StackSpace {
  constructor(readonly P: readonly Tensor[]) {}

  /** x P. */
  outside(g: Graph, x: Tensor): Tensor {
    return matmulEach(g, x, this.P);
  }

  /** tr(x S Sᵀ xᵀ) = ⟨x, x − x P⟩, and for x = N Vᵀ ⟨N, N (Vᵀ − Vᵀ P) V⟩. */
  recordInside(g: Graph, update: Tensor, shape: StackShape, into: Tensor, Vt?: Tensor): void {
    if (Vt === undefined) {
      innerProducts(g, update, this.#inside(g, update), shape, into);
      return;
    }
    const gram = batchedMatmul(g, this.#inside(g, Vt), Vt, { layout: 'nt' }); // [n, r, r]
    const part = batchedMatmul(g, update, gram, { layout: 'nn', stride: shape.stride });
    innerProducts(g, update, part, shape, into);
  }

  /** x − x P. */
  #inside(g: Graph, x: Tensor): Tensor {
    return matmulEach(g, x, this.P, { alpha: -1, addend: x });
  }
}

/** The energies (‖·‖²) measured while a stack is projected out of a space, [n] each. */
export interface SpaceMeters {
  /** Of the gradient, before and after its part in the space is projected away. */
  readonly before: Tensor;
  readonly after: Tensor;
  /** Of Adam's update, and of the part of the update that falls in the space again. */
  readonly update: Tensor;
  readonly leaked: Tensor;
}

/** A space that a step excludes. */
export interface ExcludedSpace {
  readonly space: StackSpace;
  /** The tensor that is projected: the gradient, or the update too. */
  readonly project: 'gradient' | 'update';
  readonly meters?: SpaceMeters | undefined;
  /** Adam's first moment as it would be with nothing projected away, in the projected form; changed in place. */
  readonly unprojected?: Tensor | undefined;
}

/** Gradients that Adam turns into a change of `into`, all of one shape. */
interface Step {
  readonly gradient: Tensor;
  readonly into: Tensor;
  readonly shape: StackShape;
  /** Factor of the update, 1 by default. */
  readonly scale?: number;
}

/** The gradient outside the space; records its energy before and after. */
export function gradientOutside(
  g: Graph,
  x: Tensor,
  shape: StackShape,
  { space, meters, unprojected }: ExcludedSpace,
): Tensor {
  if (unprojected !== undefined) addInto(g, x, unprojected, 1 - ADAM.beta1, ADAM.beta1);
  const y = space.outside(g, x, shape.stride);
  if (meters !== undefined) {
    squares(g, x, shape, meters.before);
    squares(g, y, shape, meters.after);
  }
  return y;
}

/** Adam's update, outside the space if updates are projected; records how much of it falls in the space. */
function updateOutside(g: Graph, update: Tensor, shape: StackShape, { space, project, meters }: ExcludedSpace): Tensor {
  const y = project === 'update' ? space.outside(g, update, shape.stride) : update;
  if (meters) recordLeakage(g, y, shape, space, meters);
  return y;
}

/**
 * Records the energy of an update, and of its part in the space.
 *
 * @param Vt [n, r, columns]: the update is that of N Vᵀ, where N is the stack; V is orthonormal.
 */
function recordLeakage(
  g: Graph,
  update: Tensor,
  shape: StackShape,
  space: StackSpace,
  meters: SpaceMeters,
  Vt?: Tensor,
): void {
  squares(g, update, shape, meters.update);
  space.recordInside(g, update, shape, meters.leaked, Vt);
}

/**
 * One step of Adam outside a space: docs/method.md, eq. (6) and eq. (12). For weights trained by plain Adam, LoRA's A and
 * B, and the compressed change of a projected weight.
 */
export function recordStep(g: Graph, step: Step, state: AdamState, excluded?: ExcludedSpace): void {
  const { gradient, into, shape, scale } = step;
  const R = excluded ? gradientOutside(g, gradient, shape, excluded) : gradient;
  if (excluded === undefined || !(excluded.project === 'update' || excluded.meters)) {
    adamInto(g, R, shape, state, into, scale);
    return;
  }
  applyUpdate(g, updateOutside(g, adam(g, R, shape, state), shape, excluded), shape, into, scale);
}

/**
 * One step of Adam in coordinates of a basis V outside the space, like the gradient and the update: nothing is projected
 * here, and the refresh has recorded the gradient's energies.
 *
 * @param Vt V_rᵀ [n, r, in].
 */
export function recordStepInBasis(
  g: Graph,
  step: Step,
  state: AdamState,
  Vt: Tensor,
  { space, meters }: ExcludedSpace,
): void {
  const { gradient, into, shape, scale } = step;
  if (meters === undefined) {
    adamInto(g, gradient, shape, state, into, scale);
    return;
  }
  const update = adam(g, gradient, shape, state);
  recordLeakage(g, update, shape, space, meters, Vt);
  applyUpdate(g, update, shape, into, scale);
}

/**
 * One step for a stack of weights that removes directions on both sides from gradients and updates
 * (docs/method.md, eq. (27)): G ← (I − U Uᵀ) G (I − V Vᵀ), and likewise the update.
 *
 * @param frozen U [n, out, k] and V [n, in, k].
 */
export function recordTwoSidedStep(
  g: Graph,
  { gradient, into, shape }: Step,
  state: AdamState,
  { U, V }: { readonly U: Tensor; readonly V: Tensor },
): void {
  const { stride } = shape;
  const [left, right] = [new BasisSpace(U, 'rows'), new BasisSpace(V, 'columns')];
  const between = (x: Tensor): Tensor => right.outside(g, left.outside(g, x, stride), stride);
  const update = adam(g, between(gradient), shape, state);
  applyUpdate(g, between(update), shape, into);
}
