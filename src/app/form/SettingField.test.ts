import { expect, test } from 'vitest';
import { stillTyped } from './SettingField.tsx';

test('a number field shows a refused text until it is left and the settings get a number, as from a preset', () => {
  expect(stillTyped('abc', true, Number.NaN)).toBe('abc');
  expect(stillTyped('abc', false, Number.NaN), 'left, and still wrong').toBe('abc');
  expect(stillTyped('abc', false, 0.003), 'a preset has set another value').toBeNull();
  expect(stillTyped('1e-', true, 0.003), 'a value that arrives while a person types').toBe('1e-');
});
