import { defineConfig } from 'vitest/config';

/** Tests that `npm test` runs in part: see src/testing/tier.ts. */
const TIERED = [
  ...['src/cli/families.test.ts', 'src/cli/gallery-memory.test.ts', 'src/run/planning/plan-run.test.ts'],
  ...['src/run/files/resuming.test.ts', 'src/onnx/gated-adapters.test.ts', 'src/bench/block-step.test.ts'],
];

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
