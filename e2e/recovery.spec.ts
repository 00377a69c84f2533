import { type BrowserContext, expect, test } from '@playwright/test';
import { differences } from '../lab/storm/storm.ts';
import { expectConsistent } from './support/consistency.ts';
import {
  choose,
  downloadResults,
  lastStep,
  openWorkbench,
  start,
  startPaused,
  waitForStatus,
  waitForStep,
} from './support/workbench.ts';

test('a run interrupted by a reload resumes at its step, and leaves nothing when it ends @slow', async ({ page }) => {
  test.setTimeout(300_000);
  page.on('dialog', (dialog) => void dialog.accept()); // the browser warns that the run would be lost
  await openWorkbench(page);
  await choose(page, { method: 'gorp-plus', leaveOut: ['field'], trainExamples: 8, testExamples: 4, batchSize: 1 });
  await expect(page.getByTestId('interrupted')).toBeHidden();
  await startPaused(page);

  await page.reload();
  const resume = page.getByTestId('resume-from-checkpoint');
  await expect(resume).toHaveText('Resume at step 1');
  await expect(page.getByTestId('interrupted')).toContainText('while learning gloss (task 1 of 1)');
  await test.step('at 200 % zoom, tabs and notice are on the first screen', async () => {
    const size = page.viewportSize() ?? { width: 1280, height: 720 };
    await page.setViewportSize({ width: 640, height: 360 });
    await page.evaluate(() => scrollTo(0, 0));
    for (const part of [page.getByTestId('tab-device'), page.getByTestId('interrupted').locator('p')]) {
      // What Start says is shorter once everything is counted.
      const end = async (): Promise<number> => {
        const { y, height } = (await part.boundingBox()) ?? { y: NaN, height: NaN };
        return y + height;
      };
      await expect.poll(end).toBeLessThanOrEqual(360);
    }
    await page.setViewportSize(size);
  });
  await resume.click();
  await test.step('Stop interrupts it once more', async () => {
    await page.getByTestId('step').click();
    await waitForStatus(page, 'paused');
    await page.getByTestId('stop').click();
    await waitForStatus(page, 'stopped');
    await expect(resume).toBeVisible();
    await resume.click();
  });
  await waitForStatus(page, 'finished');
  await expect(page.getByText('could not be saved')).toHaveCount(0);
  const { results } = await downloadResults(page);
  expectConsistent(results);
  expect(results.curves.step).toHaveLength(8);
  await page.reload();
  await expect(page.getByTestId('start')).toBeEnabled();
  await page.getByTestId('tab-results').click();
  await expect(page.getByTestId('kept-rounds')).toContainText('1-gloss');
  await expect(page.getByTestId('interrupted'), 'a finished run leaves nothing').toBeHidden();

  await test.step('what a stopped run has saved can be removed', async () => {
    await startPaused(page);
    await page.getByTestId('stop').click();
    await waitForStatus(page, 'stopped');
    await page.getByTestId('drop-checkpoint').click();
    await page.getByTestId('drop-checkpoint-for-good').click();
    await expect(page.getByTestId('interrupted')).toBeHidden();
    await page.reload();
    await expect(page.getByTestId('start')).toBeEnabled();
    await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(0);
    await expect(page.getByTestId('interrupted')).toBeHidden();
  });
});

test('a browser killed in the second round resumes, and ends with the same results', async ({
  playwright,
  launchOptions,
  baseURL,
}, testInfo) => {
  const choice = { method: 'gorp-plus', trainExamples: 20, testExamples: 4, batchSize: 1 };
  const open = (): Promise<BrowserContext> =>
    playwright.chromium.launchPersistentContext(testInfo.outputPath('profile'), {
      ...launchOptions,
      baseURL: baseURL ?? '',
    });
  let context = await open();
  try {
    let page = await context.newPage();
    await openWorkbench(page);
    await choose(page, choice);
    await start(page);
    // One step, the rest of the round with its tests, and one step of the next round.
    for (const [button, step] of [
      ['step', 1],
      ['step-round', 20],
      ['step', 21],
    ] as const) {
      await page.getByTestId(button).click();
      await expect.poll(() => lastStep(page), { timeout: 120_000 }).toBe(step);
      if (button === 'step-round') await expect(page.getByTestId('cell-1-1')).not.toBeEmpty();
      await waitForStatus(page, 'paused'); // and is saved
    }
    const browser = await processOf(context);
    await page.getByTestId('resume').click();
    await waitForStep(page, 22);
    const closed = context.waitForEvent('close');
    process.kill(browser, 'SIGKILL'); // as the system does when memory runs out, so that it can save nothing
    await closed;

    context = await open();
    page = await context.newPage();
    await openWorkbench(page);
    const resume = page.getByTestId('resume-from-checkpoint');
    await expect(resume).toHaveText('Resume at step 21');
    await resume.click();
    await waitForStatus(page, 'finished');
    const { results } = await downloadResults(page);
    expectConsistent(results);

    await page.reload();
    await choose(page, choice);
    await start(page);
    await waitForStatus(page, 'finished');
    const { results: uninterrupted } = await downloadResults(page);
    expect(uninterrupted.curves.step).toHaveLength(40);
    expect(differences(uninterrupted, results)).toEqual([]);
  } finally {
    await context.close();
  }
});

/** The process id of a browser. */
async function processOf(context: BrowserContext): Promise<number> {
  const session = await context.browser()?.newBrowserCDPSession();
  const { processInfo } = (await session?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] };
  const browser = processInfo.find(({ type }) => type === 'browser');
  if (browser === undefined) throw new Error('The process id of the browser is unknown.');
  return browser.id;
}
