import { expect, test } from 'vitest';
import { parseJsonLines } from './json-rows.ts';

test('refuses sparse objects with many keys before they fill the memory', () => {
  const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`key ${i}`, 1])));
  const many = `${wide}\n${'{}\n'.repeat(120_000)}`;
  expect(() => parseJsonLines(many, 'wide.jsonl')).toThrow(/120001 objects with 200 different keys/);
  expect(parseJsonLines(`${wide}\n{}\n`, 'wide.jsonl').rows).toHaveLength(2);
});
