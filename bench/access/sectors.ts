import { RECORDED, type Site, SLOT_WORDS } from './instrument.ts';

/** Threads that read and write at the same time. */
export const WARP = 32;
/** Bytes that move at once, and bytes of a line of the nearest cache, which holds some of its sectors. */
const SECTOR = 32;
const LINE = 128;
/** Lines that stay for a warp: an L1 cache of 128 KiB among 64 warps. */
const LINES = 16;
const WORD = 4;

/** What moves between the nearest cache and the next, in bytes. */
export interface Traffic {
  /** In whole sectors. */
  readonly moved: number;
  /** Of these, read or written by a thread while the sector was near. */
  readonly needed: number;
}

/** An access of a whole warp. */
interface WarpAccess {
  readonly site: number;
  readonly time: number;
  /** Elements, one for each thread that takes part. */
  readonly elements: readonly number[];
}

/** A sector in the cache. */
interface Sector {
  /** The site that fetched it. */
  readonly site: number;
  /** The words that were used, a bit each. */
  words: number;
}

/**
 * What the warps of a workgroup move, by site. Lanes of a warp are taken to run in step: their n-th execution of a site
 * is one access. Executions that were only counted are assumed to move as much as the recorded ones.
 *
 * @param trace of one workgroup, as an {@link instrument}ed kernel writes it.
 * @param lengths elements of each site's buffer: an index beyond the end reads the last one, as drivers do.
 */
export function trafficOf(
  trace: Uint32Array,
  sites: readonly Site[],
  threads: number,
  lengths: readonly number[],
): Traffic[] {
  const sums = sites.map(() => ({ moved: 0, needed: 0 }));
  for (let first = 0; first < threads; first += WARP) {
    const lanes = Array.from({ length: Math.min(WARP, threads - first) }, (_, lane) => first + lane);
    const slotOf = (lane: number, site: number): number => (lane * sites.length + site) * SLOT_WORDS;
    const executed = sites.map((_, site) => Math.max(...lanes.map((lane) => trace[slotOf(lane, site)])));
    const accesses: WarpAccess[] = [];
    for (const [site, length] of lengths.entries()) {
      for (let n = 0; n < Math.min(RECORDED, executed[site]); n++) {
        const active = lanes.map((lane) => slotOf(lane, site)).filter((slot) => trace[slot] > n);
        const elements = active.map((slot) => Math.min(trace[slot + 2 + 2 * n], length - 1));
        accesses.push({ site, time: Math.max(...active.map((slot) => trace[slot + 3 + 2 * n])), elements });
      }
    }
    const found = warpTraffic(accesses, sites);
    for (const [site, { moved, needed }] of found.entries()) {
      const recorded = Math.max(1, Math.min(RECORDED, executed[site]));
      sums[site].moved += (moved * executed[site]) / recorded;
      sums[site].needed += (needed * executed[site]) / recorded;
    }
  }
  return sums;
}

/** Runs the recorded accesses of a warp through a cache of few lines. */
function warpTraffic(accesses: readonly WarpAccess[], sites: readonly Site[]): Traffic[] {
  const sums = sites.map(() => ({ moved: 0, needed: 0 }));
  const cache = new Map<string, Map<number, Sector>>(); // least recently used first
  const touch = (kind: 'read' | 'write', site: number, number: number, words: number): void => {
    const key = `${kind} ${sites[site].buffer.binding} ${Math.floor((number * SECTOR) / LINE)}`;
    const line = cache.get(key) ?? new Map<number, Sector>();
    cache.delete(key);
    cache.set(key, line);
    if (cache.size > LINES) cache.delete([...cache.keys()][0]);
    let sector = line.get(number);
    if (sector === undefined) {
      sector = { site, words: 0 };
      line.set(number, sector);
      sums[site].moved += SECTOR;
    }
    sums[sector.site].needed += WORD * bits(words & ~sector.words);
    sector.words |= words;
  };
  let last = -1;
  for (const { site, time, elements } of [...accesses].sort((a, b) => a.time - b.time || a.site - b.site)) {
    // Accesses that were not recorded lie between: what was near before is no longer.
    if (time - last > LINES) cache.clear();
    last = time;
    const { access, buffer } = sites[site];
    const sectors = sectorsOf(elements, buffer.stride);
    if (access !== 'write') for (const [number, words] of sectors) touch('read', site, number, words);
    if (access !== 'read') for (const [number, words] of sectors) touch('write', site, number, words);
  }
  return sums;
}

/** The sectors that elements lie in, by number, with the words that they cover, a bit each. */
function sectorsOf(elements: readonly number[], stride: number): Map<number, number> {
  const sectors = new Map<number, number>();
  const own = (1 << Math.ceil(stride / WORD)) - 1;
  for (const element of elements) {
    const byte = element * stride;
    const number = Math.floor(byte / SECTOR);
    sectors.set(number, (sectors.get(number) ?? 0) | (own << ((byte % SECTOR) / WORD)));
  }
  return sectors;
}

function bits(words: number): number {
  let count = 0;
  for (let rest = words; rest !== 0; rest &= rest - 1) count++;
  return count;
}
