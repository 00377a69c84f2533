/** The clocks of a section, wherever it runs. */
export interface Clock {
  /** Wall clock in milliseconds. */
  now(): number;
  /** CPU milliseconds of everything that computes, drivers and browser processes included; null if unknown. */
  cpuMs(): Promise<number | null>;
}

/** Milliseconds of some work. */
export interface Spent {
  readonly wall: number;
  /** On a software adapter this includes the "GPU" work, and it hardly changes when others use the machine. */
  readonly cpu: number | null;
}

/** One of several ways to do the same work. */
export interface Contender {
  readonly name: string;
  /** Runs `times` times and resolves when the device is done. */
  run(times: number): Promise<void>;
}

/** Of one execution, in milliseconds. */
export interface Timing {
  readonly name: string;
  readonly wallMin: number;
  readonly wallMedian: number;
  readonly cpuMedian: number | null;
  /** The first execution: compilation included, where the driver compiles at first use. */
  readonly first: number;
}

/** The figure by which to compare timings of one run: CPU time where it is known, since it varies less. */
export const cost = ({ cpuMedian, wallMin }: Pick<Timing, 'cpuMedian' | 'wallMin'>): number => cpuMedian ?? wallMin;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Minimum and medians of several measurements of the same. */
export function summary(name: string, first: number, spent: readonly Spent[]): Timing {
  const wall = spent.map((each) => each.wall);
  const cpu = spent.map((each) => each.cpu).filter((each) => each !== null);
  const cpuMedian = cpu.length > 0 ? median(cpu) : null;
  return { name, wallMin: Math.min(...wall), wallMedian: median(wall), cpuMedian, first };
}

// A shorter measurement is repeated until it takes this long. Milliseconds, wall clock.
const SHORTEST = 100;
const MAX_REPEATS = 200;

/** Measures contenders that take turns, so that a slow spell of the machine hits all alike. */
export async function takeTurns(clock: Clock, contenders: readonly Contender[], rounds: number): Promise<Timing[]> {
  const entries: { contender: Contender; first: number; times: number; spent: Spent[] }[] = [];
  for (const contender of contenders) {
    const first = (await timed(clock, () => contender.run(1))).wall;
    const one = (await timed(clock, () => contender.run(1))).wall;
    const times = Math.max(1, Math.min(MAX_REPEATS, Math.ceil(SHORTEST / Math.max(one, 0.01))));
    entries.push({ contender, first, times, spent: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { contender, times, spent } of entries) {
      const { wall, cpu } = await timed(clock, () => contender.run(times));
      spent.push({ wall: wall / times, cpu: cpu === null ? null : cpu / times });
    }
  }
  return entries.map(({ contender, first, spent }) => summary(contender.name, first, spent));
}

/** Wall and CPU milliseconds of some work. */
export async function timed(clock: Clock, work: () => Promise<unknown>): Promise<Spent> {
  const begun = await stamp(clock);
  await work();
  const wall = clock.now();
  return between(begun, { wall, cpu: await clock.cpuMs() });
}

/** Reads the clocks. */
export const stamp = async (clock: Clock): Promise<Spent> => ({ cpu: await clock.cpuMs(), wall: clock.now() });

/** Milliseconds from one {@link stamp} to another. */
export const between = (begun: Spent, ended: Spent): Spent => ({
  wall: ended.wall - begun.wall,
  cpu: begun.cpu === null || ended.cpu === null ? null : ended.cpu - begun.cpu,
});
