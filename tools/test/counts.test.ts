import { describe, expect, it } from 'vitest';
import { closingLine, countPlaywright, countVitest } from './counts.ts';

describe('countVitest', () => {
  const file = (status: string, ...tests: [fullName: string, status: string][]) => ({
    name: 'a.test.ts',
    status,
    message: 'Cannot find module',
    assertionResults: tests.map(([fullName, result]) => ({ fullName, status: result })),
  });

  it('counts tests, and what is neither passed nor failed as skipped', () => {
    const tests = file('failed', ['a', 'passed'], ['b', 'failed'], ['c', 'skipped'], ['d', 'todo'], ['e', 'pending']);
    expect(countVitest({ testResults: [tests] })).toEqual({ passed: 1, failed: ['b'], skipped: ['c', 'd', 'e'] });
  });

  it('counts a file that failed outside its tests as one failure', () => {
    expect(countVitest({ testResults: [file('failed'), file('failed', ['a', 'passed'])] })).toEqual({
      passed: 1,
      failed: ['a.test.ts: Cannot find module', 'a.test.ts: Cannot find module'],
      skipped: [],
    });
  });
});

describe('countPlaywright', () => {
  it('counts nested tests and errors outside them, and a flaky test as failed', () => {
    const report = {
      errors: [{ message: 'the server did not start' }],
      suites: [
        {
          title: 'smoke.spec.ts',
          specs: [{ title: 'top', tests: [{ status: 'expected' as const }] }],
          suites: [
            {
              title: 'page',
              specs: [
                { title: 'broken', tests: [{ status: 'unexpected' as const }] },
                { title: 'lucky', tests: [{ status: 'flaky' as const }] },
                { title: 'left out', tests: [{ status: 'skipped' as const }] },
              ],
            },
          ],
        },
      ],
    };
    expect(countPlaywright(report)).toEqual({
      passed: 1,
      failed: ['the server did not start', 'smoke.spec.ts › page › broken', 'smoke.spec.ts › page › lucky'],
      skipped: ['smoke.spec.ts › page › left out'],
    });
  });
});

describe('closingLine', () => {
  it('names skipped tests only when there are some', () => {
    expect(closingLine({ passed: 12, failed: [], skipped: [] })).toBe('12 passed, 0 failed');
    expect(closingLine({ passed: 0, failed: ['a'], skipped: ['b', 'c'] })).toBe('0 passed, 1 failed, 2 skipped');
  });
});
