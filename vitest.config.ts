import { homedir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const { MESA_SHADER_CACHE_DIR, XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;

/**
 * Most code of the tests runs for less time than optimising it takes, and most of what it makes lives briefly: V8 of
 * Node 20 optimises later and collects in larger steps, for some percent less CPU time. Newer V8s count otherwise.
 */
const V8 = ['--max-semi-space-size=64', '--min-semi-space-size=32'];
if (process.versions.node.startsWith('20.')) V8.push('--interrupt-budget=600000');

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'lab/**/*.test.ts'],
    exclude: ['node_modules/**', 'src/**/*.large.test.ts'],
    globalSetup: 'tools/wasm/before-tests.ts',
    setupFiles: 'tools/test/equal-bytes.ts',
    // Transformed files are saved in node_modules by their content: one test file starts in a quarter of the time.
    experimental: { fsModuleCache: true },
    pool: 'forks',
    execArgv: V8,
    // Files share a process and its modules: importing them again takes as long as half of the tests. So each test
    // undoes its global changes.
    isolate: false,
    unstubGlobals: true,
    unstubEnvs: true,
    // Three at a time on two cores, since tests wait for other processes and the device for a tenth of their time.
    maxWorkers: 3,
    // Most of the time of a first run goes into compiling kernels. Mesa's CPU driver compiles one in a third of the
    // time if it neither optimises nor uses vectors of more than 128 bits, and the tests' kernels compute little.
    env: {
      GALLIVM_PERF: 'nopt',
      LP_NATIVE_VECTOR_WIDTH: '128',
      // It computes in the thread that asks: handing tiny kernels to other threads takes a tenth of the CPU time.
      LP_NUM_THREADS: '0',
      // Its cache does not tell by the width of vectors, so this code has a cache of its own.
      MESA_SHADER_CACHE_DIR: MESA_SHADER_CACHE_DIR ?? join(XDG_CACHE_HOME, 'gorp-web', 'tests'),
      // Each of the cache's 50 parts holds 20 MiB by default: less than the tests compile, so that it would drop kernels
      // before their next use.
      MESA_SHADER_CACHE_MAX_SIZE: '8G',
    },
    testTimeout: 180_000, // on a new machine the kernels are compiled at first use
    hookTimeout: 180_000,
  },
});
