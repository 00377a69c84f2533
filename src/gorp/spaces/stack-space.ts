import type { Graph } from '../../graph/graph.ts';
import { batchedMatmul, matmulEach } from '../../graph/ops/matmul.ts';
import { innerProducts, squares, type StackShape } from '../../graph/ops/optimizer.ts';
import type { Tensor } from '../../graph/tensor.ts';

/** Side of a matrix on which a shared space acts. */
export type Side = 'rows' | 'columns';

/** A space on the device that the matrices of a stack exclude. */
export interface StackSpace {
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
