import type { Device } from '../../device/device.ts';
import type { GroupSpace, LayerGroup } from '../part/trainable-group.ts';
import { InputSpaces, type SpaceSource } from '../spaces/input-spaces.ts';
import { MomentSpace } from '../spaces/moment-space.ts';

/** The singular vectors of a gradient that compress it: U_r or V_r. */
export type BasisSide = 'left' | 'right';

/** The side of the basis for a weight out × in, which compresses the smaller dimension: docs/method.md, eq. (8). */
export const basisSide = (out: number, inputs: number): BasisSide => (out >= inputs ? 'right' : 'left');

/** Shape [rows, columns] of the compressed gradient: G V_r [out, r], or U_rᵀ G [r, in]. */
export function compressedShape(out: number, inputs: number, rank: number): [number, number] {
  const r = Math.min(rank, out, inputs);
  return basisSide(out, inputs) === 'right' ? [out, r] : [r, inputs];
}

/**
 * The space that projected weights exclude: of their inputs, or of their compressed first moments on the side that is
 * not compressed (docs/method.md, eq. (10)).
 */
export function spaceOfProjected(
  device: Device,
  { names, out, inputs }: LayerGroup,
  { rank }: { readonly rank: number },
  source: SpaceSource,
): GroupSpace | undefined {
  if (source === null) return undefined;
  if (source instanceof InputSpaces) return source.ofGroup(names, inputs);
  const [rows, columns] = compressedShape(out, inputs, rank);
  const side = basisSide(out, inputs) === 'left' ? 'columns' : 'rows';
  return new MomentSpace(device, source, { names, rows, columns, side, unprojected: 'full-rank unprojected' });
}
