import { digits, markdownTable } from '../../src/bench/table.ts';
import type { SpaceWork } from '../dispatches/space-programs.ts';
import { type Card, CARDS } from './cards.ts';
import { type RecordedSpaces, recordSpacePrograms } from './programs.ts';
import { type Estimated, estimatedOn } from './tables.ts';
import type { RecordedCall } from './work.ts';

/** What spaces of inputs take on a card. Times in steps of the first task, unless stated. */
export interface SpaceCosts {
  readonly model: string;
  readonly card: string;
  /** A step of the first task, in milliseconds. */
  readonly stepMs: number;
  /** At the end of a task: reading its sample and building all spaces. */
  readonly reading: number;
  readonly building: number;
  /** At the beginning of the next, with its sample. */
  readonly beginning: number;
  /** A step of the second task. */
  readonly second: number;
  /** The longest dispatch of all these works, in milliseconds, and its row in the tables of kernels. */
  readonly longestMs: number;
  readonly longest: string;
}

/** The costs of all models on all cards. */
export async function spaceCosts(): Promise<SpaceCosts[]> {
  const all: SpaceCosts[] = [];
  for (const card of CARDS) {
    const on = estimatedOn(card);
    for (const spaces of await recordSpacePrograms(card)) all.push(costsOf(spaces, card, on));
  }
  return all;
}

function costsOf({ model, calls, batches }: RecordedSpaces, card: Card, on: Estimated): SpaceCosts {
  const seconds = (work: SpaceWork): number => calls[work].reduce((sum, call) => sum + on(call).seconds, 0);
  const step = seconds('first');
  const read = seconds('read') / step;
  const every = Object.values(calls).flat();
  const longest = every.reduce<RecordedCall>((a, b) => (on(b).seconds > on(a).seconds ? b : a), every[0]);
  return {
    ...{ model, card: card.name, stepMs: 1e3 * step },
    reading: batches.end * read,
    building: seconds('build') / step,
    beginning: batches.begin * read + seconds('begin') / step,
    second: seconds('second') / step,
    longestMs: 1e3 * on(longest).seconds,
    longest: on(longest).row,
  };
}

/** The costs as Markdown. */
export function spaceTable(costs: readonly SpaceCosts[]): string {
  const cards = [...new Set(costs.map(({ card }) => card))];
  const models = [...new Set(costs.map(({ model }) => model))];
  const lines: readonly (readonly [title: string, cell: (cost: SpaceCosts) => string])[] = [
    ['a step of the first task, ms', ({ stepMs }) => digits(stepMs)],
    [
      'reading + building + next beginning, in steps',
      ({ reading, building, beginning }) =>
        `${[reading, building, beginning].map(digits).join(' + ')} = ${digits(reading + building + beginning)}`,
    ],
    ['a step of the second task, in steps', ({ second }) => digits(second)],
    ['longest dispatch, ms', ({ longestMs, longest }) => `${digits(longestMs)} (${longest})`],
  ];
  return markdownTable(
    ['model', 'what', ...cards],
    models.flatMap((model) =>
      lines.map(([title, cell]) => [model, title, ...costs.filter((cost) => cost.model === model).map(cell)]),
    ),
  );
}
