/** Allowed relative Frobenius error between a device, in f32, and its reference, in f64. */
export const F32 = 2e-5;

/** ‖x − reference‖ / ‖reference‖, the error measure of the reference data; absolute if the reference is zero. */
export function relativeError(x: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (x.length !== reference.length) return Infinity;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < x.length; i++) {
    difference += (x[i] - reference[i]) ** 2;
    size += reference[i] ** 2;
  }
  return Math.sqrt(difference) / (size > 0 ? Math.sqrt(size) : 1);
}
