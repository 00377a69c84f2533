import { defineConfig } from 'vitest/config';
import config from './vitest.config.ts';

/** In Deno, which cannot start Deno processes for tests, they run in threads, and threads take no flags of V8. */
export default defineConfig({
  ...config,
  test: { ...config.test, execArgv: [], pool: 'threads', maxWorkers: 1, setupFiles: 'lab/engines/deno-thread.ts' },
});
