import type { Graph } from '../graph/graph.ts';
import { addInto } from '../graph/ops/elementwise.ts';
import { ADAM, type AdamState, adam, adamInto, applyUpdate, squares, type StackShape } from '../graph/ops/optimizer.ts';
import type { Tensor } from '../graph/tensor.ts';
import { BasisSpace, type StackSpace } from './spaces/stack-space.ts';

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
  /** What is projected: the gradient, or the update too. */
  readonly project: 'gradient' | 'update';
  readonly meters?: SpaceMeters | undefined;
  /** Adam's first moment as it would be with nothing projected away, in the projected form; changed in place. */
  readonly unprojected?: Tensor | undefined;
}

/** Gradients that Adam turns into a change of `into`, all of one shape. */
export interface Step {
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
export function updateOutside(
  g: Graph,
  update: Tensor,
  shape: StackShape,
  { space, project, meters }: ExcludedSpace,
): Tensor {
  const y = project === 'update' ? space.outside(g, update, shape.stride) : update;
  if (meters) recordLeakage(g, y, shape, space, meters);
  return y;
}

/**
 * Records the energy of an update, and of its part in the space.
 *
 * @param Vt [n, r, columns]: the update is that of N Vᵀ, where N is the stack; V is orthonormal.
 */
export function recordLeakage(
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
