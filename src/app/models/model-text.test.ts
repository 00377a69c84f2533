import { expect, it } from 'vitest';
import { modelText } from './model-text.ts';

it('calls files of this machine by the name of their folder', () => {
  expect(modelText('picked:smollm2')).toBe('smollm2 (from this machine)');
  for (const model of ['embedded', 'org/name@main', 'https://example.com/model/']) expect(modelText(model)).toBe(model);
});
