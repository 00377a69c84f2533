/** Levels of lists and objects within each other, far more than any file of a model or of examples has. */
export const MAX_NESTING = 100;

/** Whether a parsed JSON value is nested deeper than {@link MAX_NESTING}: what reads it may recurse. Itself it does not. */
export function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_NESTING) return true;
    level = level.flatMap((one) =>
      typeof one === 'object' && one !== null ? Object.values(one as Record<string, unknown>) : [],
    );
  }
  return false;
}
