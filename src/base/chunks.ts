/** Consecutive parts of a list, of `size` items but for a shorter last one; none of an empty list. @param size at least 1. */
export const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
