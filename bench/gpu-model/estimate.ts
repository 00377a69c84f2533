import { type Card, LANES, type Level, MAX_REGISTERS, SCHEDULERS } from './cards.ts';
import { type Access, groupsOf, type Loop, type RecordedCall, threadsOf, type Work } from './work.ts';

/** Seconds of a dispatch on a card. */
export interface Estimate {
  readonly seconds: number;
  /** If only memory's bandwidth and the peak of arithmetic counted. */
  readonly roof: number;
}

const LINE = 128;
const BANKS = 32;
const WORD = 4;

/**
 * The time of a dispatch, on paper. Frozen: a change here makes tables incomparable with earlier ones, so kernels are
 * changed against a model that stands still (`estimate.test.ts` has its values).
 *
 * A core runs the warps of its workgroups. In each iteration of a loop they take the longest of
 *
 * - issuing: a core starts {@link SCHEDULERS} instructions a cycle;
 * - wavefronts: its L1 cache and workgroup memory serve one line, or one conflict-free row of banks, a cycle;
 * - waiting: one warp issues one instruction a cycle and then waits for its reads. Warps that the core holds at the
 *   same time wait together; registers limit how many those are.
 *
 * The loops of a dispatch follow each other; their sum is at least the roof, and a launch is added. Caches beyond L1
 * are perfect (bytes move once), clocks are constant, warps are spread evenly.
 */
export function estimate(call: RecordedCall, work: Work, card: Card): Estimate {
  const { operations, bytes, extraBytes = 0, loops } = work;
  const roof = Math.max(bytes / card.bandwidth, operations / card.peak);
  const cycles = loops.reduce((sum, loop) => sum + cyclesOf(call, work, loop, card), 0);
  const moving = (bytes + extraBytes) / card.bandwidth;
  return { seconds: card.launch + Math.max(roof, moving, cycles / card.clock), roof };
}

function cyclesOf(call: RecordedCall, { registers = 32 }: Work, loop: Loop, card: Card): number {
  const { times, accesses = [], waits = {}, share = 1 } = loop;
  const warpsOfGroup = Math.ceil(threadsOf(call) / LANES);
  // What does not fit into registers is written and read again in every iteration, a line for all lanes.
  const spilled = 2 * Math.max(0, registers - MAX_REGISTERS);
  const slots = loop.slots + spilled;
  const lanes = Math.min(LANES, threadsOf(call));
  const wavefronts = spilled + accesses.reduce((sum, access) => sum + access.count * wavefrontsOf(access, lanes), 0);
  const warps = Math.max(1, (groupsOf(call) * warpsOfGroup * share) / card.cores);
  const byRegisters = Math.floor(card.registers / (LANES * Math.min(registers, MAX_REGISTERS)));
  const resident = Math.min(warps, Math.max(1, Math.min(card.warps, card.groups * warpsOfGroup, byRegisters)));
  const wait = (Object.keys(waits) as Level[]).reduce(
    (sum, level) => sum + (waits[level] ?? 0) * card.latency[level],
    0,
  );
  return times * Math.max((warps * slots) / SCHEDULERS, warps * wavefronts, (warps / resident) * (slots + wait));
}

/** Cycles in which a core's L1 cache or workgroup memory serves one access of a warp. */
export function wavefrontsOf(access: Access, lanes = LANES): number {
  return access.shared ? bankRows(access, lanes) : linesOf(access, lanes);
}

function linesOf({ width, at }: Access, lanes: number): number {
  const lines = new Set<number>();
  for (let lane = 0; lane < lanes; lane++) {
    for (let byte = at(lane); byte < at(lane) + width; byte += WORD) lines.add(Math.floor(byte / LINE));
  }
  return lines.size;
}

/** Wide accesses are served by as many lanes at a time as fill a row of banks; each bank serves one word of them. */
function bankRows({ width, at }: Access, lanes: number): number {
  const atOnce = Math.min(LANES, (BANKS * WORD) / width);
  let rows = 0;
  for (let first = 0; first < lanes; first += atOnce) {
    const words = new Map<number, Set<number>>();
    for (let lane = first; lane < Math.min(lanes, first + atOnce); lane++) {
      for (let word = Math.floor(at(lane) / WORD); word < (at(lane) + width) / WORD; word++) {
        const bank = words.get(word % BANKS) ?? new Set();
        words.set(word % BANKS, bank.add(word));
      }
    }
    rows += Math.max(...[...words.values()].map(({ size }) => size));
  }
  return rows;
}
