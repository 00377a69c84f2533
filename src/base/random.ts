import { groupedBy } from './statistics.ts';
/** A seeded source of pseudo-random numbers. The same seed gives the same numbers on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
}

/** Mulberry32: 32 bits of state, period 2³², good enough for shuffles and initial values. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (n) => Math.floor(next() * n) };
}

/** A shuffled copy (Fisher–Yates); the input stays as it is. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out = items.slice();
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/**
 * FNV-1a of a string, to derive one seed from several names (`mixSeed(1, 'shuffle', 'gloss')`).
 *
 * @param seed a whole number that a double holds exactly; seeds that differ give different results, even if their lower
 *   32 bits are equal.
 */
export function mixSeed(seed: number, ...parts: (string | number)[]): number {
  let hash = 0x811c9dc5 ^ seed;
  const above = Math.floor((seed + 2 ** 31) / 2 ** 32); // 0 for signed 32-bit integers
  const named = above === 0 ? parts : [above, ...parts];
  for (const char of named.join('\u0001')) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash | 0;
}

/**
 * The indexes of a random sample that is balanced over labels: counts differ by at most one, except for labels with too
 * few examples, which others make up for.
 *
 * @param labels labels of all examples.
 * @param randomOf random numbers for the examples of one label.
 * @returns indexes, ascending.
 */
export function balancedIndexes(
  labels: readonly string[],
  size: number,
  randomOf: (label: string) => Random,
): number[] {
  if (size >= labels.length) return [...labels.keys()];
  const pools = groupedBy(labels.keys(), (i) => labels[i]);
  const queues = Array.from(pools, ([label, pool]) => shuffled(pool, randomOf(label)));
  const taken: number[] = [];
  for (let round = 0; taken.length < size; round++) {
    for (const queue of queues) if (round < queue.length && taken.length < size) taken.push(queue[round]);
  }
  return taken.sort((a, b) => a - b);
}

/** A unique name: a random UUID (RFC 9562, version 4). `crypto.randomUUID` exists on secure pages only. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
