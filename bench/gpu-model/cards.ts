/** What the model knows of a graphics card. */
export interface Card {
  readonly name: string;
  /** Cores with a scheduler, an L1 cache and workgroup memory of their own: SMs of NVIDIA, cores of Apple. */
  readonly cores: number;
  /** In cycles per second. */
  readonly clock: number;
  /** Of memory, in bytes per second. */
  readonly bandwidth: number;
  /** Floating point operations per second, without matrix units. */
  readonly peak: number;
  /** Warps and workgroups that a core holds at once, and 32-bit registers of all their lanes. */
  readonly warps: number;
  readonly groups: number;
  readonly registers: number;
  /** Cycles until a dependent read returns. */
  readonly latency: Readonly<Record<Level, number>>;
  /** Seconds from one dispatch to the next: each drains the card, since the next may read what it wrote. */
  readonly launch: number;
}

/** Where a read is answered. */
export type Level = 'l1' | 'l2' | 'memory';

/** Lanes of a warp. */
export const LANES = 32;
/** Instructions that a core starts in a cycle, each for a warp. */
export const SCHEDULERS = 4;
/** Most registers of a lane; what does not fit spills. */
export const MAX_REGISTERS = 255;

const ALIKE = { latency: { l1: 30, l2: 220, memory: 600 }, launch: 3e-6, registers: 65_536 } as const;

/** The cards of the tables: a laptop's, an integrated one, and one of a data centre. */
export const CARDS: readonly Card[] = [
  {
    ...ALIKE,
    name: 'RTX 3060 laptop',
    cores: 30,
    clock: 1.4e9,
    bandwidth: 336e9,
    peak: 10e12,
    warps: 48,
    groups: 16,
  },
  { ...ALIKE, name: 'Apple M2', cores: 10, clock: 1.4e9, bandwidth: 100e9, peak: 3.6e12, warps: 32, groups: 32 },
  { ...ALIKE, name: 'H100', cores: 132, clock: 1.7e9, bandwidth: 3350e9, peak: 60e12, warps: 64, groups: 32 },
];
