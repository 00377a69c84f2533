/** The whole product of families, methods and devices, and on the quicker device every way of a run: minutes. */
import { describe, test } from 'vitest';
import { METHOD_NAMES, methodPreset } from '../methods/registry.ts';
import { acquirePacedGpu } from './devices.ts';
import { CHAT, EXACT, learns, WAYS } from './family-run.ts';
import { TINY_FAMILIES } from './tiny-families.ts';

describe.each(TINY_FAMILIES)('$family', (family) => {
  const ways = [{}, ...WAYS, ...(family.isDecoderOnly ? [CHAT] : [])];
  describe.each(METHOD_NAMES)('%s', (method) => {
    test.each(ways.map((way) => [way]))('on WebAssembly, %j', (way) => learns(family, method, way));

    if ('projection' in methodPreset(method)) {
      test('on WebAssembly, by the exact projection', () => learns(family, method, {}, { changes: EXACT }));
    }

    test('on WebGPU', () => learns(family, method, {}, { acquire: acquirePacedGpu }));
  });
});
