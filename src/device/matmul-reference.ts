import { type MatmulShape, windowOf } from './matmul-shape.ts';

/** The plain reference of every matmul kernel. Arrays hold whole tensors; batch strides give the offsets. */
export function matmulReference(
  shape: MatmulShape,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  c: Float64Array,
  d?: ArrayLike<number>,
): void {
  const { layout, M, N, K, batch } = shape;
  const { rowA, rowB, offsetA, offsetB, rowC, offsetC } = windowOf(shape);
  for (let z = 0; z < batch; z++) {
    const a0 = offsetA + z * shape.batchStrideA;
    const b0 = offsetB + z * shape.batchStrideB;
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          const x = layout === 'tn' ? a[a0 + k * rowA + m] : a[a0 + m * rowA + k];
          const y = layout === 'nt' ? b[b0 + n * rowB + k] : b[b0 + k * rowB + n];
          sum += x * y;
        }
        const place = offsetC + m * rowC + n;
        const at = z * shape.batchStrideC + place;
        const before = shape.accumulate ? c[at] : 0;
        c[at] = before + shape.alpha * sum + (shape.addend && d ? d[z * shape.batchStrideD + place] : 0);
      }
    }
  }
}
