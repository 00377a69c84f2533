/** How the tests of a stage came out. */
export interface Counts {
  passed: number;
  /** Names of the tests that failed, and faults that belong to no test. */
  failed: string[];
  skipped: string[];
}

/** The parts of vitest's JSON report that are read (in Jest's layout). */
interface VitestReport {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string }[];
  }[];
}

/** The parts of Playwright's JSON report that are read. */
interface PlaywrightReport {
  suites: PlaywrightSuite[];
  errors: { message?: string }[];
}
interface PlaywrightSuite {
  title: string;
  suites?: PlaywrightSuite[];
  specs: { title: string; tests: { status: 'expected' | 'unexpected' | 'flaky' | 'skipped' }[] }[];
}

/** Counts a vitest report. A file that could not be read as tests counts as one failure. */
export function countVitest(report: VitestReport): Counts {
  const counts: Counts = { passed: 0, failed: [], skipped: [] };
  for (const file of report.testResults) {
    for (const { fullName, status } of file.assertionResults) {
      if (status === 'passed') counts.passed++;
      else if (status === 'failed') counts.failed.push(fullName);
      else counts.skipped.push(fullName);
    }
    const blamed = file.assertionResults.some(({ status }) => status === 'failed');
    if (file.status === 'failed' && !blamed) counts.failed.push(`${file.name}: ${file.message}`);
  }
  return counts;
}

/** Counts a Playwright report. A flaky test (passed on a retry) is a failure: nothing here may depend on luck. */
export function countPlaywright(report: PlaywrightReport): Counts {
  const counts: Counts = {
    passed: 0,
    failed: report.errors.map(({ message }) => message ?? 'unknown error'),
    skipped: [],
  };
  const visit = (suite: PlaywrightSuite, above: string): void => {
    const name = `${above}${suite.title} › `;
    for (const spec of suite.specs) {
      for (const { status } of spec.tests) {
        if (status === 'expected') counts.passed++;
        else if (status === 'skipped') counts.skipped.push(name + spec.title);
        else counts.failed.push(name + spec.title);
      }
    }
    for (const inner of suite.suites ?? []) visit(inner, name);
  };
  for (const suite of report.suites) visit(suite, '');
  return counts;
}

/** `N passed, N failed`, with `, N skipped` when there are any: the line that closes the test command. */
export function closingLine(counts: Counts): string {
  const skipped = counts.skipped.length > 0 ? `, ${counts.skipped.length} skipped` : '';
  return `${counts.passed} passed, ${counts.failed.length} failed${skipped}`;
}
