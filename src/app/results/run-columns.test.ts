import { expect, it } from 'vitest';
import { summaryOf } from '../history.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import { columnText } from './run-columns.ts';

it('says that a measure is a loss, since other runs in its column have percentages', () => {
  const run = summaryOf(quickResults('gorp', 1));
  const measures = { ...run.measures.exact, averagePerformance: 4.5283, justLearned: null };
  const losses = { ...run, main: { measures, isLoss: true } };
  expect(columnText('AP', run, 'main')).toMatch(/^\d+\.\d$/);
  expect(columnText('AP', losses, 'main')).toBe('loss 4.528');
  expect(columnText('Just learned', losses, 'main')).toBe('–');
});
