/**
 * Whether to test what other tests nearly guard too: `npm run test:slow` does. `npm test` takes some of each kind, so that
 * it ends within minutes.
 */
export const TESTS_ALL = process.env['GORP_TESTS'] === 'all';
