import { defineConfig } from 'vitest/config';

/** `npm run test:large`: models of published size on a software adapter; minutes of time and gigabytes of memory. */
export default defineConfig({
  test: {
    include: ['src/**/*.large.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 3_600_000,
  },
});
