import { describe, expect, it } from 'vitest';
import { resultsText } from '../download.ts';
import { quickResults } from '../testing/scripted-results.ts';
import { parseResultsFile } from './results-file.ts';

const results = quickResults('gorp', 1);
const codeOf = (text: string): string => {
  try {
    parseResultsFile(text, 'a.json');
  } catch (error) {
    return (error as { code: string; message: string }).message.includes('a.json')
      ? (error as { code: string }).code
      : '';
  }
  return 'read';
};

describe('parseResultsFile', () => {
  it('reads what a download wrote', () => {
    expect(parseResultsFile(resultsText(results), 'a.json')).toEqual(results);
  });

  it.each([
    ['nothing', '', 'run/no-results-file'],
    ['text', 'step,loss\n1,2\n', 'run/no-results-file'],
    ['a file of another program', JSON.stringify({ schema: 'trainer/state', version: 2 }), 'run/no-results-file'],
    ['a list', '[1, 2]', 'run/no-results-file'],
    ['an earlier version', JSON.stringify({ ...results, version: 1 }), 'run/results-version'],
    ['a later version', JSON.stringify({ ...results, version: 3 }), 'run/results-version'],
    ['a file without its device', JSON.stringify({ ...results, device: undefined }), 'run/bad-results-file'],
    [
      'curves cut off',
      JSON.stringify({ ...results, curves: { ...results.curves, loss: [1] } }),
      'run/bad-results-file',
    ],
    [
      'settings out of range',
      JSON.stringify({ ...results, settings: { ...results.settings, order: [] } }),
      'run/bad-results-file',
    ],
  ])('refuses %s', (_, text, code) => expect(codeOf(text)).toBe(code));
});
