import type { ErrorReport } from '../../base/errors.ts';
import type { Results } from '../../run/results.ts';
import type { Band } from './statistics.ts';

/** Which runs are laid over each other, and how. */
export interface CompareState {
  /** Keys of the runs that are ticked, in the order of ticking. */
  readonly ticked: readonly string[];
  /** Their whole results, as far as they have been read. */
  readonly opened: ReadonlyMap<string, Results>;
  /** Each run as a line of its own, or the runs of one setting as their mean. */
  readonly by: 'run' | 'setting';
  readonly band: Band;
  /** Task whose accuracy is shown; null for the first there is. */
  readonly task: string | null;
  readonly logLoss: boolean;
  readonly logSteps: boolean;
  /** Bytes of the archive that is being written; null while none is. */
  readonly zipping: number | null;
  /** Why the last thing asked for was not done. */
  readonly problem: ErrorReport | null;
}

export const NOTHING_COMPARED: CompareState = {
  ticked: [],
  opened: new Map(),
  by: 'setting',
  band: 'deviation',
  task: null,
  logLoss: false,
  logSteps: false,
  zipping: null,
  problem: null,
};

/** The whole results of the ticked runs that have been read, in the order of ticking. */
export const comparedResults = ({ ticked, opened }: CompareState): Results[] =>
  ticked.map((key) => opened.get(key)).filter((results) => results !== undefined);
