import type { Score } from './forms.ts';

/**
 * The tasks of TRACE (Wang et al. 2023), in its order, with the score that stands for the published one: exact match for
 * accuracy. Where TRACE has a measure of its own, ROUGE-L stands in: for the choice and the reasons of ScienceQA, the edit
 * similarity of Py150, and SARI of 20Minuten.
 */
export const TRACE_SCORES: Readonly<Record<string, Score>> = {
  'C-STANCE': 'exact',
  FOMC: 'exact',
  MeetingBank: 'rougeL',
  Py150: 'rougeL',
  ScienceQA: 'rougeL',
  'NumGLUE-cm': 'exact',
  'NumGLUE-ds': 'exact',
  '20Minuten': 'rougeL',
};
