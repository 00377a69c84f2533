/**
 * `npm test`: every check, the unit tests in Node and the end-to-end tests in a browser, all of them even when one fails.
 * The last line is `N passed, N failed` (and `, N skipped`), a check counting as one test.
 * Where CI is `true` a skipped test is a failure: there everything that a test needs has been provided.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { CHECKS } from '../check/list.ts';
import { nodeCommand, projectPath, run, runQuietly } from '../setup/process.ts';
import { closingLine, type Counts, countPlaywright, countVitest } from './counts.ts';
import { provideTestGround, type TestGround } from './provide.ts';

const onCi = process.env['CI'] === 'true';
const total: Counts = { passed: 0, failed: [], skipped: [] };

/** Runs a stage under a heading with its time, and adds what it counted. A stage that throws is one failure. */
async function stage(name: string, work: () => Promise<Counts>): Promise<void> {
  console.log(`\n── ${name} ──`);
  const start = performance.now();
  const counts = await work().catch((error: unknown): Counts => {
    console.error(error instanceof Error ? error.message : error);
    return { passed: 0, failed: [name], skipped: [] };
  });
  total.passed += counts.passed;
  total.failed.push(...counts.failed);
  if (onCi) total.failed.push(...counts.skipped.map((test) => `skipped on CI: ${test}`));
  else total.skipped.push(...counts.skipped);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${name}: ${closingLine(counts)} (${seconds} s)`);
}

const single = (passed: boolean, name: string): Counts => ({
  passed: passed ? 1 : 0,
  failed: passed ? [] : [name],
  skipped: [],
});

/** Runs a test runner that writes its JSON report to `reportFile`, and counts the report. */
async function runTests(
  name: string,
  reportFile: string,
  work: () => Promise<number>,
  count: (reportText: string) => Counts,
): Promise<Counts> {
  // The report of an earlier run must not be taken for this one's.
  rmSync(reportFile, { force: true });
  const code = await work();
  if (!existsSync(reportFile))
    throw new Error(`The runner wrote no report and ended with exit code ${code}; see above.`);
  const counts = count(readFileSync(reportFile, 'utf8'));
  if (code !== 0 && counts.failed.length === 0) counts.failed.push(`${name}: ended with exit code ${code}`);
  if (counts.passed + counts.failed.length + counts.skipped.length === 0)
    counts.failed.push(`${name}: no test was found`);
  return counts;
}

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, 'localhost', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });
}

/** Starts commands at once, one after another where they depend on each other; their stages show the output. */
interface Begun {
  readonly name: string;
  readonly done: ReturnType<typeof runQuietly>;
}
const begin = ({ name, command }: (typeof CHECKS)[number], after?: Begun): Begun => ({
  name,
  done: (after?.done ?? Promise.resolve()).then(() => runQuietly(command)),
});
const script = (name: string, file: string, after?: Begun): Begun =>
  begin({ name, command: nodeCommand('tsx/dist/cli.mjs', file) }, after);

// They need neither a browser nor an adapter, so they compute while these are installed. The build of the app also
// makes the kernels and the embedded tasks, which that of the library then finds.
const app = script('build (app)', 'tools/build.ts');
const begun = [app, script('build (library)', 'tools/build-library.ts', app), ...CHECKS.map((check) => begin(check))];

let ground: TestGround = { browser: undefined, adapter: undefined, env: {} };
await stage('browser and WebGPU adapter', async () => {
  ground = await provideTestGround();
  console.log(`Browser: ${ground.browser ?? 'none'}\nAdapter of Node's WebGPU: ${ground.adapter ?? 'none'}`);
  if (ground.browser === undefined) {
    console.error('No browser for the end-to-end tests. Install Chrome or Chromium, or set CHROME_PATH to one.');
  }
  if (ground.adapter === undefined) {
    console.error(
      'Node found no WebGPU adapter. Install a graphics driver with Vulkan; for software: Mesa (lavapipe), ' +
        'on Debian and Ubuntu "apt-get install mesa-vulkan-drivers libvulkan1".',
    );
  }
  return single(ground.browser !== undefined && ground.adapter !== undefined, 'browser and WebGPU adapter');
});

for (const { name, done } of begun) {
  await stage(name, async () => {
    const { code, output } = await done;
    process.stdout.write(output);
    return single(code === 0, name);
  });
}

const reports = projectPath('build', 'reports');
mkdirSync(reports, { recursive: true });

await stage('unit tests', () => {
  const report = projectPath('build', 'reports', 'unit.json');
  const command = nodeCommand(
    'vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  );
  return runTests(
    'unit tests',
    report,
    () => run(command, ground.env),
    (text) => countVitest(JSON.parse(text) as Parameters<typeof countVitest>[0]),
  );
});

await stage('end-to-end tests', () => {
  const report = projectPath('build', 'reports', 'e2e.json');
  const command = nodeCommand('@playwright/test/cli.js', 'test', '--grep-invert=@slow', '--reporter=list,json');
  return runTests(
    'end-to-end tests',
    report,
    async () =>
      run(command, { ...ground.env, PLAYWRIGHT_JSON_OUTPUT_FILE: report, E2E_PORT: String(await freePort()) }),
    (text) => countPlaywright(JSON.parse(text) as Parameters<typeof countPlaywright>[0]),
  );
});

console.log('');
for (const name of total.failed) console.log(`failed: ${name}`);
for (const name of total.skipped) console.log(`skipped: ${name}`);
console.log(`\n${closingLine(total)}`);
process.exitCode = total.failed.length === 0 ? 0 : 1;
