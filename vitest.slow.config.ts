import { defineConfig } from 'vitest/config';

/**
 * What takes too long for `npm test`: a file of 1 GiB, ten times as many mutated files, a round with either projection,
 * the command line with every family.
 */
export default defineConfig({
  test: {
    globalSetup: 'tools/wasm/before-tests.ts',
    include: ['src/**/*.slow.ts', 'bench/**/*.slow.ts', 'src/weights/safetensors.test.ts', 'src/cli/families.test.ts'],
    env: { GORP_PROPERTY_FACTOR: '10', GORP_TESTS: 'all' },
    testTimeout: 900_000,
  },
});
