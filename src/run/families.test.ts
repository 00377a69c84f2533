import { describe, test } from 'vitest';
import { METHOD_NAMES } from '../methods/registry.ts';
import { acquirePacedGpu } from '../testing/devices.ts';
import { CHAT, learns, WAYS } from '../testing/family-run.ts';
import { TINY_FAMILIES } from '../testing/tiny-families.ts';

// Pairs of family and method, of family and device, and of family and way; `npm run test:slow` runs the whole product.
describe.each(TINY_FAMILIES.map((family, i) => ({ ...family, i })))('$family', (family) => {
  test.each(METHOD_NAMES)('%s learns two tasks', (method) => learns(family, method));

  // One task: a software adapter takes seconds to compile what a second one adds.
  test('gorp-plus on WebGPU', () => learns(family, 'gorp-plus', {}, { acquire: acquirePacedGpu, order: ['gloss'] }));

  test('gorp-plus with less memory', () => learns(family, 'gorp-plus', WAYS[family.i % WAYS.length]));

  if (family.isDecoderOnly) test('gorp-plus by the chat template', () => learns(family, 'gorp-plus', CHAT));
});
