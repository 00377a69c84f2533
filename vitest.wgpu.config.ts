import { mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

/** In Deno, which cannot start Deno processes for tests, they run in threads. */
export default mergeConfig(config, {
  test: { pool: 'threads', maxWorkers: 1, setupFiles: 'tools/engines/deno-thread.ts' },
});
