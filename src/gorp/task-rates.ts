import type { Matrix } from './matrix.ts';
import { heldShare } from './space.ts';

// If almost nothing lies outside the space, full compensation would only amplify noise.
const MOST = 4;

/**
 * The factor of a learning rate that compensates for a space of inputs (docs/method.md, eq. (19)): 1 / √(mean share of
 * the inputs' energy outside the space), at most {@link MOST}. Adam's steps have the same size whatever the gradient,
 * and a change restricted to inputs outside the space changes the output in proportion to the root of their share. For
 * a soft space this is an approximation, since weights w let (1 − w)² of the energy through, not 1 − w.
 *
 * @param spaces S of each layer, by name.
 * @param covariances of the inputs of the new task, by layer.
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
