import { expect, it } from 'vitest';
import { modelText } from './model-reference.ts';

it('calls models of the app by their name, and files of this machine by that of their folder', () => {
  expect(modelText('picked:smollm2')).toBe('smollm2 (from files)');
  expect(modelText('embedded')).toBe('the embedded small T5');
  expect(modelText('embedded-llama')).toBe('the embedded small LLaMA');
  for (const model of ['org/name@main', 'https://example.com/model/', '']) expect(modelText(model)).toBe(model);
});
