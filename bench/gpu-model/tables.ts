import type { WorkName } from '../dispatches/model-programs.ts';
import { digits, markdownTable } from '../../src/bench/table.ts';
import { type Card, CARDS } from './cards.ts';
import { type Estimate, estimate } from './estimate.ts';
import { describe } from './families/index.ts';
import { type RecordedProgram, recordPrograms } from './programs.ts';
import type { RecordedCall } from './work.ts';

const TITLES: Readonly<Record<WorkName, string>> = {
  step: 'training step',
  refresh: 'step with new bases',
  prefill: 'reading a test batch',
  decode: 'decoding a token',
};

/** Milliseconds of some dispatches. */
interface Sum {
  readonly dispatches: number;
  readonly estimate: number;
  readonly roof: number;
}

/** What a program takes on a card, and each family of its kernels. */
export interface ProgramCost extends Sum {
  readonly program: string;
  readonly families: Readonly<Record<string, Sum>>;
}

/** All programs on a card. */
export interface CardCosts {
  readonly card: string;
  readonly programs: readonly ProgramCost[];
}

/** A call's row and estimate, each worked out once. */
export type Estimated = (call: RecordedCall) => Estimate & { readonly row: string };

export function estimatedOn(card: Card): Estimated {
  const known = new Map<RecordedCall, ReturnType<Estimated>>();
  return (call) => {
    const before = known.get(call);
    if (before !== undefined) return before;
    const { row, work } = describe(call);
    const estimated = { row, ...estimate(call, work, card) };
    known.set(call, estimated);
    return estimated;
  };
}

/** The cost of a program. */
function costOf({ model, work, calls }: RecordedProgram, on: Estimated): ProgramCost {
  const families = new Map<string, RecordedCall[]>();
  for (const call of calls) {
    const { row } = on(call);
    const of = families.get(row) ?? [];
    families.set(row, of);
    of.push(call);
  }
  const sums = [...families].map(([row, of]) => [row, sumOf(of, on)] as const);
  sums.sort(([, a], [, b]) => b.estimate - a.estimate);
  return { program: `${model}, ${TITLES[work]}`, ...sumOf(calls, on), families: Object.fromEntries(sums) };
}

function sumOf(calls: readonly RecordedCall[], on: Estimated): Sum {
  const estimates = calls.map(on);
  const milliseconds = (of: 'seconds' | 'roof'): number => 1e3 * estimates.reduce((sum, one) => sum + one[of], 0);
  return { dispatches: calls.length, estimate: milliseconds('seconds'), roof: milliseconds('roof') };
}

/** The costs of all programs on all cards. */
export async function costs(): Promise<CardCosts[]> {
  const all: CardCosts[] = [];
  for (const card of CARDS) {
    const estimated = estimatedOn(card);
    const programs = (await recordPrograms(card)).map((program) => costOf(program, estimated));
    all.push({ card: card.name, programs });
  }
  return all;
}

/** Families whose time over the roof is below this share of their program's estimate are left out of tables. */
const LEAST_SHARE = 0.01;

/** The costs as Markdown: one table of programs, then one of families for each program. */
export function costTables(all: readonly CardCosts[]): string {
  const cards = all.map(({ card }) => card);
  const cell = ({ estimate, roof }: Sum): string =>
    `${digits(estimate)} / ${digits(roof)} = ${digits(estimate / roof)}`;
  const [first] = all;
  const programs = markdownTable(
    ['program', 'dispatches', ...cards],
    first.programs.map(({ program, dispatches }, i) => [
      ...[program, String(dispatches)],
      ...all.map((one) => cell(one.programs[i])),
    ]),
  );
  const families = first.programs.map(({ program, families: rows }, i) => {
    const isNotable = (row: string): boolean =>
      all.some((one) => {
        const { estimate, roof } = one.programs[i].families[row] ?? { estimate: 0, roof: 0 };
        return estimate - roof > LEAST_SHARE * one.programs[i].estimate;
      });
    const shown = Object.keys(rows).filter(isNotable);
    const table = markdownTable(
      ['kernels', 'dispatches', ...cards],
      shown.map((row) => [
        ...[row, String(rows[row].dispatches)],
        ...all.map((one) => (row in one.programs[i].families ? cell(one.programs[i].families[row]) : '–')),
      ]),
    );
    return `### ${program}\n\n${table}`;
  });
  return [programs, ...families].join('\n\n');
}
