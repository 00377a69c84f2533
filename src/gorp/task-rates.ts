// If almost nothing lies outside the space, full compensation would only amplify noise.
const MOST = 4;

/**
 * The factor of a learning rate that compensates for a space of inputs (docs/method.md, eq. (19)): 1 / √(mean share of
 * the inputs' energy outside the space), at most {@link MOST}. Adam's steps have the same size whatever the gradient,
 * and a change restricted to inputs outside the space changes the output in proportion to the root of their share. For
 * a soft space this is an approximation, since weights w let (1 − w)² of the energy through, not 1 − w.
 *
 * @param outside the share of each trained tensor's inputs outside their space, in the new task.
 */
export function compensation(outside: readonly number[]): number {
  const sum = outside.reduce((total, share) => total + share, 0);
  return outside.length === 0 ? 1 : Math.min(MOST, 1 / Math.sqrt(sum / outside.length));
}
