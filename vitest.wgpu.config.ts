import { mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

/** Within Deno, which starts no processes of its own kind for tests: they run in threads. */
export default mergeConfig(config, {
  test: { pool: 'threads', maxWorkers: 1, setupFiles: 'tools/engines/deno-thread.ts' },
});
