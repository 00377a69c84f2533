import type { Dispatch } from '../../src/device/kernel.ts';
import type { Card } from '../gpu-model/cards.ts';
import type { Site } from './instrument.ts';
import { type Traffic, WARP } from './sectors.ts';

/** Lanes of a core that compute at the same time. */
const LANES = 128;

/** How much faster than memory the cache is that all cores share. */
const SHARED_CACHE = 3;

/** What a dispatch asks of a card. */
export interface Demand {
  readonly flop: number;
  /** That memory has to move if every cache were perfect. */
  readonly bytes: number;
  /** Between the nearest caches and the shared one. */
  readonly moved: number;
  readonly threads: number;
  /** Share of a warp's lanes that a workgroup fills. */
  readonly filled: number;
}

/** Seconds if only memory's bandwidth and the peak of arithmetic counted. */
export const roof = ({ flop, bytes }: Demand, { bandwidth, peak }: Card): number =>
  Math.max(bytes / bandwidth, flop / peak);

/**
 * Estimated seconds: the {@link roof}, or longer where sectors are moved in vain, warps are not full, there is no warp
 * for some cores, or fewer threads than lanes. Latency, instructions that are no FLOP, and launches are left out, so it
 * is a lower bound.
 */
export function estimate(demand: Demand, card: Card): number {
  const { flop, bytes, moved, threads, filled } = demand;
  const { bandwidth, peak, cores } = card;
  const moving = bandwidth * Math.min(1, threads / (WARP * filled * cores));
  const computing = peak * Math.min(filled, threads / (LANES * cores));
  return Math.max(bytes / moving, moved / (SHARED_CACHE * moving), flop / computing);
}

/** FLOP for each float of the largest tensor, by the beginning of a kernel's name. */
const PER_FLOAT: readonly (readonly [kernel: string, flop: number])[] = [
  ['optimizer/adam', 12],
  ['optimizer', 2],
  ['rms-norm/forward', 4],
  ['rms-norm', 9],
  ['activation/silu', 8],
  ['activation/gelu', 12],
  ['cross-entropy', 4],
  ['rotary', 4],
];

/** Kernels whose stated cost is their number of FLOP. */
const STATED = /^(matmul|attention|subspace)\//;

/** FLOP of a dispatch: as stated for products, attention and bases, and a few for each float of other kernels. */
export function flopOf({ kernel: { name }, cost, tensors }: Dispatch): number {
  if (STATED.test(name) && cost !== undefined) return cost;
  const [, perFloat] = PER_FLOAT.find(([begin]) => name.startsWith(begin)) ?? ['', 1];
  return perFloat * Math.max(...tensors.map(({ bytes }) => bytes / 4));
}

/**
 * Bytes that memory has to move: of each tensor what is read and what is written, at most all of it.
 *
 * @param traffic of the whole dispatch, by site.
 */
export function memoryBytes({ tensors }: Dispatch, sites: readonly Site[], traffic: readonly Traffic[]): number {
  const sums = tensors.map(() => ({ read: 0, written: 0 }));
  for (const [i, { buffer, access }] of sites.entries()) {
    const sum = sums[buffer.binding - 1];
    if (access !== 'write') sum.read += traffic[i].needed;
    if (access !== 'read') sum.written += traffic[i].needed;
  }
  return tensors.reduce(
    (sum, { bytes }, i) => sum + Math.min(bytes, sums[i].read) + Math.min(bytes, sums[i].written),
    0,
  );
}
