import { type RunSettings, watching } from '../../run/settings/settings.ts';

/** A copy of a list with one item moved; unchanged if either index is out of range. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const copy = items.slice();
  if (from < 0 || from >= copy.length || to < 0 || to >= copy.length) return copy;
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/** A draft in which a task of the order is only tested. */
export const testOnly = (draft: RunSettings, name: string): RunSettings =>
  watching({ ...draft, order: draft.order.filter((other) => other !== name) }, [...(draft.watch ?? []), name]);

/** A draft in which a watched task is learned, last. */
export const learnToo = (draft: RunSettings, name: string): RunSettings =>
  watching(
    { ...draft, order: [...draft.order, name] },
    (draft.watch ?? []).filter((other) => other !== name),
  );
