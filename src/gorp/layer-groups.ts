/** Layers of one shape that are trained the same way. */
export interface LayerGroup {
  readonly names: readonly string[];
  readonly out: number;
  readonly inputs: number;
}

/**
 * The layers that match a pattern, grouped by shape.
 *
 * @param shapes parameters by name; those ending in `.weight` with two dimensions are layers.
 * @param limit maximum bytes of the f32 matrices of a group, which share a buffer.
 */
export function layerGroups(
  shapes: ReadonlyMap<string, readonly number[]>,
  pattern: RegExp,
  limit = Infinity,
): LayerGroup[] {
  const open = new Map<string, { names: string[]; out: number; inputs: number }>();
  const groups: LayerGroup[] = [];
  for (const [parameter, [out, inputs]] of shapes) {
    const name = parameter.replace(/\.weight$/, '');
    if (name === parameter || !pattern.test(name)) continue;
    const key = `${out}×${inputs}`;
    const matrixBytes = Math.ceil((out * inputs) / 64) * 256; // aligned, so that each can be bound
    let group = open.get(key);
    if (group === undefined || (group.names.length + 1) * matrixBytes > limit) {
      group = { names: [], out, inputs };
      open.set(key, group);
      groups.push(group);
    }
    group.names.push(name);
  }
  return groups;
}
