/** Consecutive parts of a list, of `size` items but for a shorter last one; none of an empty list. @param size at least 1. */
export const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

/** Consecutive parts of at most `size` items: as few and as equally long as possible. @param size at least 1. */
export const evenChunks = <T>(items: readonly T[], size: number): T[][] =>
  chunks(items, Math.max(1, Math.ceil(items.length / Math.max(1, Math.ceil(items.length / size)))));
