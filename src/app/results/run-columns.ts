import { moment } from '../format.ts';
import { changeText, scoreText } from '../progress/scores.ts';
import { measuresShown, type RunSummary } from '../history.ts';
import { methodTitle } from '../../methods/registry.ts';
import type { Scoring } from '../progress/scores.ts';

/** Measures that the table of runs can show, each in a column. */
export const RUN_COLUMNS = ['AP', 'Just learned', 'BWT', 'Forgetting', 'FWT', 'General text'] as const;
export type RunColumn = (typeof RUN_COLUMNS)[number];

/** What a screen reader calls a run: its name, or method and time. */
export const calledRun = ({ name, settings, startedAt }: RunSummary): string =>
  name === undefined ? `the ${methodTitle(settings.method)} run of ${moment(startedAt)}` : `the run ${name}`;

/** What fits beside the name on a narrow screen. */
const USUAL: readonly RunColumn[] = ['AP', 'BWT'];
const KEY = 'gorp-web-run-columns';

/** A measure of a run, as text. */
export function columnText(column: RunColumn, run: RunSummary, view: Scoring): string {
  const { measures, isLoss } = measuresShown(run, view);
  const score = isLoss ? 'loss' : 'exact';
  // Other runs in the column have percentages.
  const text = (value: number | null): string => `${isLoss && value !== null ? 'loss ' : ''}${scoreText(score, value)}`;
  switch (column) {
    case 'AP':
      return text(measures.averagePerformance);
    case 'Just learned':
      return text(measures.justLearned);
    case 'BWT':
      return changeText(score, measures.backwardTransfer);
    case 'Forgetting':
      return changeText(score, measures.forgetting).replace(/^[+±]/, '');
    case 'FWT':
      return changeText(score, measures.forwardTransfer);
    case 'General text':
      return changeText('loss', run.generalText === undefined ? null : run.generalText.now - run.generalText.before);
  }
}

/** The columns that the person chose. */
export function readColumns(): readonly RunColumn[] {
  try {
    const chosen = localStorage.getItem(KEY)?.split(',');
    return chosen === undefined ? USUAL : RUN_COLUMNS.filter((column) => chosen.includes(column));
  } catch {
    return USUAL; // storage is blocked
  }
}

export function saveColumns(columns: readonly RunColumn[]): void {
  try {
    localStorage.setItem(KEY, columns.join(','));
  } catch {
    // Then they last as long as the page.
  }
}
