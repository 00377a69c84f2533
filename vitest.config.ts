import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['node_modules/**', 'src/**/*.large.test.ts'],
    globalSetup: 'tools/wasm/before-tests.ts',
    pool: 'forks',
    // Files share a process and its modules: importing them again takes as long as half of the tests. So each test
    // undoes its global changes.
    isolate: false,
    unstubGlobals: true,
    unstubEnvs: true,
    maxWorkers: 2,
    // Mesa stores compiled kernels in one of 50 parts of its cache, 20 MiB by default: fewer than the tests compile, so
    // that it would drop each before its next use.
    env: { MESA_SHADER_CACHE_MAX_SIZE: '8G' },
    testTimeout: 180_000, // on a new machine the kernels are compiled at first use
    hookTimeout: 180_000,
  },
});
