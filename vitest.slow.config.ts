import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Test files that `npm test` runs in part, by src/testing/tier.ts. */
const TIERED = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts') && /TESTS_ALL|TESTED_/.test(readFileSync(`src/${path}`, 'utf8')))
  .map((path) => `src/${path}`);

/**
 * The tests that take too long for `npm test`: a file of 1 GiB, ten times as many mutated files, the command line with
 * every family.
 */
export default defineConfig({
  test: {
    globalSetup: 'tools/wasm/before-tests.ts',
    include: ['src/**/*.slow.ts', 'lab/**/*.slow.ts', 'src/weights/safetensors.test.ts', ...TIERED],
    env: { GORP_PROPERTY_FACTOR: '10', GORP_TESTS: 'all' },
    testTimeout: 900_000,
  },
});
