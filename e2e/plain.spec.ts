import { type BrowserContext, expect, test } from '@playwright/test';
import { percent } from '../src/app/format.ts';
import type { Results } from '../src/run/results.ts';
import { differences } from '../tools/storm/same-results.ts';
import { expectConsistent } from './support/consistency.ts';
import {
  downloadResults,
  expectNoWorkers,
  lastStep,
  openWorkbench,
  start,
  waitForStatus,
  waitForStep,
} from './support/workbench.ts';

// The second test compares its run with that of the first.
test.describe.configure({ mode: 'serial' });
let uninterrupted: Results;

test('an ordinary browser learns the whole default order on the CPU', async ({ page }) => {
  test.setTimeout(600_000);
  await openWorkbench(page);
  const line = page.getByTestId('device-line');
  await expect(line).toContainText(/^Trains on the CPU \(WebAssembly, \d+ threads?\): /);
  await expect(page.getByTestId('memory-plan')).toHaveAttribute('data-status', 'planned');
  const estimate = page.getByTestId('estimate');
  await expect(estimate).toContainText(/About \d+ (s|min) on this CPU/);
  const estimated = Number(await estimate.getAttribute('data-seconds'));

  await start(page);
  await waitForStep(page, 1);
  const early = await lastStep(page);
  await expect.poll(() => lastStep(page), 'the chart updates').toBeGreaterThan(early);
  await expect(page.getByTestId('status')).toContainText('CPU by WebAssembly');
  await waitForStatus(page, 'finished', 500_000);
  await expectNoWorkers(page);
  const table = page.getByTestId('loss-chart').locator('details');
  await table.locator('summary').click();
  await expect(table.locator('tbody tr').nth(40), 'steps of the whole run').toBeAttached();
  await page.getByTestId('tab-ranks').click();
  await expect(page.getByTestId('ranks-map').locator('[aria-selected]').first()).toBeVisible();

  const { results } = await downloadResults(page);
  uninterrupted = results;
  expectConsistent(results);
  expect(results.status).toBe('finished');
  expect(results.settings.order).toHaveLength(4);
  expect(results.device).toMatchObject({ kind: 'wasm', software: true });
  expect(['no-webgpu', 'no-adapter', 'software-adapter']).toContain(results.device.why);
  const { averagePerformance } = results.measures.exact;
  expect(averagePerformance, 'the model has learned').toBeGreaterThan(0.4);
  const row = page.getByTestId('history').locator('tbody tr').first();
  await expect(row).toContainText(percent(averagePerformance));
  await expect(row).toContainText('CPU by WebAssembly');

  await test.step('its duration refines the next estimate', async () => {
    // How close the first estimate is depends on the machine's other load.
    expect(estimated).toBeGreaterThan(0);
    test
      .info()
      .annotations.push({ type: 'measured ÷ estimated', description: (results.seconds / estimated).toFixed(2) });
    await expect(estimate).toHaveAttribute('title', /last run/);
    const refined = Number(await estimate.getAttribute('data-seconds'));
    expect(refined / results.seconds).toBeCloseTo(1, 3);
  });
});

test('a browser killed in the middle of the default order resumes, and ends with the same results', async ({
  playwright,
  launchOptions,
  baseURL,
}, testInfo) => {
  test.setTimeout(600_000);
  const open = (): Promise<BrowserContext> =>
    playwright.chromium.launchPersistentContext(testInfo.outputPath('profile'), {
      ...launchOptions,
      baseURL: baseURL ?? '',
    });
  let context = await open();
  try {
    let page = await context.newPage();
    await openWorkbench(page);
    await start(page);
    const firstRound = uninterrupted.curves.round.lastIndexOf(1) + 1;
    await waitForStep(page, firstRound + 5);
    await page.getByTestId('pause').click();
    await waitForStatus(page, 'paused'); // and is saved
    const saved = await lastStep(page);
    await page.getByTestId('resume').click();
    await waitForStep(page, saved + 5);
    await kill(context);

    context = await open();
    page = await context.newPage();
    await openWorkbench(page);
    const goOn = page.getByTestId('go-on-at-checkpoint');
    await expect(goOn).toHaveText(`Resume at step ${saved}`);
    await goOn.click();
    await waitForStatus(page, 'finished', 500_000);
    const { results } = await downloadResults(page);
    expectConsistent(results);
    expect(differences(uninterrupted, results)).toEqual([]);
  } finally {
    await context.close();
  }
});

/** Kills the browser as the system does when memory runs out, so that it can save nothing. */
async function kill(context: BrowserContext): Promise<void> {
  const session = await context.browser()?.newBrowserCDPSession();
  const { processInfo } = (await session?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] };
  const browser = processInfo.find(({ type }) => type === 'browser');
  if (browser === undefined) throw new Error('The process id of the browser is unknown.');
  const closed = context.waitForEvent('close');
  process.kill(browser.id, 'SIGKILL');
  await closed;
}
