import type { Device } from '../../device/device.ts';
import { InputSpaces } from './input-spaces.ts';
import type { LayerGroup } from '../layer-groups.ts';
import type { MomentSpacePlan } from './plan.ts';
import { MomentSpace } from './moment-space.ts';
import { basisSide, compressedShape } from '../full-rank/projection.ts';
import type { GroupSpace } from '../trainable-group.ts';

/** Where the space of a group comes from: the spaces of all inputs, or first moments of its own; null for no space. */
export type SpaceSource = InputSpaces | MomentSpacePlan | null;

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
