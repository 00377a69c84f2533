import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['node_modules/**', 'src/**/*.large.test.ts'],
    globalSetup: 'tools/wasm/before-tests.ts',
    pool: 'forks',
    // Files share their process and its modules: to import them anew takes as long as half of the tests. So a test takes
    // back what it changes of the world.
    isolate: false,
    unstubGlobals: true,
    unstubEnvs: true,
    maxWorkers: 2,
    testTimeout: 180_000, // on a new machine the kernels are compiled at first use
    hookTimeout: 180_000,
  },
});
