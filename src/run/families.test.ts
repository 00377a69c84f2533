import { describe, test } from 'vitest';
import { METHOD_NAMES } from '../methods/registry.ts';
import { acquirePacedGpu } from '../testing/devices.ts';
import { CHAT, EXACT, learns, WAYS } from '../testing/family-run.ts';
import { TINY_FAMILIES } from '../testing/tiny-families.ts';

const [ONE, TWO] = [['gloss'], ['gloss', 'field']];

// Pairs of family and method, of family and device, and of family and way; `npm run test:slow` runs the whole product,
// with two tasks throughout. Here a second task, which takes as long as the first, is learned by turns: by every method
// on some families, on every family by some methods, and by the two that the project is about on all.
describe.each(TINY_FAMILIES.map((family, i) => ({ ...family, i })))('$family', (family) => {
  const runs = METHOD_NAMES.map((method, j) => {
    const isMain = method === 'gorp-plus' || method === 'gorp';
    return { method, order: isMain || (family.i + j) % 3 === 0 ? TWO : ONE };
  });
  test.each(runs)('$method learns $order', ({ method, order }) => learns(family, method, {}, { order }));

  // One task: a software adapter takes seconds to compile what a second one adds.
  test('gorp-plus on WebGPU', () => learns(family, 'gorp-plus', {}, { acquire: acquirePacedGpu, order: ONE }));

  test('gorp-plus with less memory', () => learns(family, 'gorp-plus', WAYS[family.i % WAYS.length], { order: ONE }));

  test('gorp by the exact projection', () => learns(family, 'gorp', {}, { changes: EXACT, order: ONE }));

  if (family.isDecoderOnly) {
    test('gorp-plus by the chat template', () => learns(family, 'gorp-plus', CHAT, { order: ONE }));
  }
});
