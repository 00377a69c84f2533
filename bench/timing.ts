/** What a section measures with, wherever it runs. */
export interface Clock {
  /** Wall clock in milliseconds. */
  now(): number;
  /** CPU milliseconds of everything that computes, drivers and browser processes included. */
  cpuMs(): Promise<number>;
}

/** One of several ways to do the same. */
export interface Contender {
  readonly name: string;
  /** Does it `times` times and resolves when the device is done. */
  run(times: number): Promise<void>;
}

/** Of one execution, in milliseconds. */
export interface Timing {
  readonly name: string;
  readonly wallMin: number;
  readonly wallMedian: number;
  /** On a software adapter every cycle of the "GPU" is one of the CPU: it hardly moves when others use the machine. */
  readonly cpuMedian: number;
  /** The first execution: compilation included, where the driver compiles at first use. */
  readonly first: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// A measurement shorter than this is repeated until it is as long. Milliseconds, wall clock.
const SHORTEST = 100;
const MOST_REPEATS = 200;

/** Measures contenders that take turns, so that a slow spell of the machine hits all alike. */
export async function takeTurns(clock: Clock, contenders: readonly Contender[], rounds: number): Promise<Timing[]> {
  const entries: { contender: Contender; first: number; times: number; wall: number[]; cpu: number[] }[] = [];
  for (const contender of contenders) {
    const first = (await timed(clock, () => contender.run(1))).wall;
    const one = (await timed(clock, () => contender.run(1))).wall;
    const times = Math.max(1, Math.min(MOST_REPEATS, Math.ceil(SHORTEST / Math.max(one, 0.01))));
    entries.push({ contender, first, times, wall: [], cpu: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { contender, times, wall, cpu } of entries) {
      const spent = await timed(clock, () => contender.run(times));
      wall.push(spent.wall / times);
      cpu.push(spent.cpu / times);
    }
  }
  return entries.map(({ contender, first, wall, cpu }) => ({
    name: contender.name,
    wallMin: Math.min(...wall),
    wallMedian: median(wall),
    cpuMedian: median(cpu),
    first,
  }));
}

/** Wall and CPU milliseconds of some work. */
export async function timed(clock: Clock, work: () => Promise<void>): Promise<{ wall: number; cpu: number }> {
  const [cpu, wall] = [await clock.cpuMs(), clock.now()];
  await work();
  const wallSpent = clock.now() - wall;
  return { wall: wallSpent, cpu: (await clock.cpuMs()) - cpu };
}
