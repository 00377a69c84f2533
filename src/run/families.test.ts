import { describe, test } from 'vitest';
import { METHOD_NAMES, type MethodName } from '../methods/registry.ts';
import { CHAT, learns, WAYS } from '../testing/family-run.ts';
import { TESTED_FAMILIES, TINY_FAMILIES } from '../testing/tiny-families.ts';

const [ONE, TWO] = [['gloss'], ['gloss', 'field']];

describe.each(TINY_FAMILIES)('$family', (family) => {
  test('gorp-plus learns two tasks', () => learns(family, 'gorp-plus', {}, { order: TWO }));
});

// Pairs of family and way, and of family and method: every method on one of these families.
// `npm run test:slow` runs the whole product.
describe.each(TESTED_FAMILIES.map((family, i) => ({ ...family, i })))('$family', (family) => {
  const isTaken = (method: MethodName, j: number): boolean =>
    method === 'gorp' || (method !== 'gorp-plus' && (family.i + j) % TESTED_FAMILIES.length === 0);
  const methods = METHOD_NAMES.filter(isTaken);
  test.each(methods)('%s learns two tasks', (method) => learns(family, method, {}, { order: TWO }));

  test('gorp-plus with less memory', () => learns(family, 'gorp-plus', WAYS[family.i % WAYS.length], { order: ONE }));

  if (family.isDecoderOnly) {
    test('gorp-plus by the chat template', () => learns(family, 'gorp-plus', CHAT, { order: ONE }));
  }
});
