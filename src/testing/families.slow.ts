/** Every family with every method on every device, and on the faster device every variant of a run. Takes minutes. */
import { describe, test } from 'vitest';
import { METHOD_NAMES } from '../methods/registry.ts';
import { acquirePacedGpu } from './devices.ts';
import { CHAT, learns, WAYS } from './family-run.ts';
import { TINY_FAMILIES } from './tiny-families.ts';

describe.each(TINY_FAMILIES)('$family', (family) => {
  const ways = [{}, ...WAYS, ...(family.isDecoderOnly ? [CHAT] : [])];
  describe.each(METHOD_NAMES)('%s', (method) => {
    test.each(ways.map((way) => [way]))('on WebAssembly, %j', (way) => learns(family, method, way));

    test('on WebGPU', () => learns(family, method, {}, { acquire: acquirePacedGpu }));
  });
});
