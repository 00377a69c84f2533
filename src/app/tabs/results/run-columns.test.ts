import { expect, it } from 'vitest';
import { summaryOf } from '../../state/history.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import { columnText } from './RunsTable.tsx';

it('says that a measure is a loss, since other runs in its column have percentages', () => {
  const run = summaryOf(quickResults('gorp', 1));
  const measures = { ...run.measures.exact, averagePerformance: 4.5283, justLearned: null };
  const losses = { ...run, main: { measures, isLoss: true } };
  expect(columnText('AP', run, 'main')).toMatch(/^\d+\.\d$/);
  expect(columnText('AP', losses, 'main')).toBe('loss 4.528');
  expect(columnText('Just learned', losses, 'main')).toBe('–');
});

it('shows how much the loss on general text rose, if it was measured', () => {
  const { generalText, ...unmeasured } = summaryOf(quickResults('seq-lora', 1));
  expect(generalText?.before).toBeCloseTo(3.18, 1);
  expect(columnText('General text', { ...unmeasured, generalText: { before: 3.21, now: 3.26 } }, 'exact')).toBe(
    '+0.050',
  );
  expect(columnText('General text', unmeasured, 'exact')).toBe('–');
});
