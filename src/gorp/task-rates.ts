import type { Matrix } from './matrix.ts';
import { heldShare } from './space.ts';

// Where next to nothing lies outside the space, rates as high as that asks for would follow noise.
const MOST = 4;

/**
 * Factor of a learning rate that makes up for a space of inputs (docs/method.md, eq. (19)): 1 / √(mean share of the
 * inputs' energy outside the space), at most {@link MOST}. Adam's steps are of one size whatever the gradient, and a
 * change that answers to the inputs outside the space alone changes the output by the root of their share. Of a soft space
 * that is an approximation, since weights w let (1 − w)² of the energy through and not 1 − w.
 *
 * @param spaces S of each layer, by name.
 * @param covariances of the inputs of the task that begins, by layer.
 */
export function compensation(
  spaces: Iterable<readonly [string, Matrix]>,
  covariances: ReadonlyMap<string, Matrix>,
): number {
  let outside = 0;
  let count = 0;
  for (const [name, space] of spaces) {
    const covariance = covariances.get(name);
    if (covariance === undefined) throw new Error(`the inputs of ${name} were not measured`);
    outside += 1 - heldShare(space, covariance);
    count++;
  }
  return count === 0 ? 1 : Math.min(MOST, 1 / Math.sqrt(outside / count));
}
