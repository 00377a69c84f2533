import { expect, test } from 'vitest';
import { sharedTokens } from '../../models/decoder-batch.ts';
import { afterBeginning } from './free-answers.ts';

const prompt = (...source: number[]) => ({ source, label: [1] });
const counted = Array.from({ length: 11 }, (_, i) => i);

test('prompts share their first equal tokens, and keep at least one of their own', () => {
  const shared = counted.slice(0, 9);
  expect(sharedTokens([prompt(...shared, 20, 21), prompt(...shared, 30), prompt(...shared, 20, 22)])).toBe(9);
  expect(sharedTokens([prompt(...counted), prompt(...counted)])).toBe(10);
  expect(sharedTokens([prompt(...counted), prompt(...shared)])).toBe(8);
});

test('what is too short to be worth a pass of its own is not shared', () => {
  const seven = counted.slice(0, 7);
  expect(sharedTokens([prompt(...seven, 20), prompt(...seven, 21)])).toBe(0);
  expect(sharedTokens([prompt(...counted), prompt(1, ...counted)])).toBe(0);
  expect(sharedTokens([prompt(...counted)])).toBe(0);
  expect(sharedTokens([])).toBe(0);
});

test('what follows the beginning remains, with its label', () => {
  const examples = [prompt(...counted), prompt(1, 2, 3)];
  expect(afterBeginning(examples, 0)).toBe(examples);
  expect(afterBeginning(examples, 2)).toEqual([prompt(...counted.slice(2)), prompt(3)]);
});
