import { type BrowserContext, expect, test } from '@playwright/test';
import { differences } from '../tools/storm/same-results.ts';
import { expectConsistent } from './support/consistency.ts';
import {
  choose,
  downloadResults,
  lastStep,
  openWorkbench,
  start,
  waitForStatus,
  waitForStep,
} from './support/workbench.ts';

test('a run interrupted by a reload resumes at its step and ends like an uninterrupted one', async ({ page }) => {
  test.setTimeout(300_000);
  page.on('dialog', (dialog) => void dialog.accept()); // the browser warns that the run would be lost
  const choice = { method: 'gorp-plus', leaveOut: ['field'], trainExamples: 80, testExamples: 4, batchSize: 1 };
  await openWorkbench(page);
  await choose(page, choice);
  await expect(page.getByTestId('interrupted')).toBeHidden();
  await start(page);
  await waitForStep(page, 5);
  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  const step = await lastStep(page);

  await page.reload();
  const resume = page.getByTestId('resume-from-checkpoint');
  await expect(resume).toHaveText(`Resume at step ${step}`);
  await expect(page.getByTestId('interrupted')).toContainText('while learning gloss (task 1 of 1)');
  await test.step('at 200 % zoom, tabs and notice are on the first screen', async () => {
    const size = page.viewportSize() ?? { width: 1280, height: 720 };
    await page.setViewportSize({ width: 640, height: 360 });
    await page.evaluate(() => scrollTo(0, 0));
    for (const part of [page.getByTestId('tab-device'), page.getByTestId('interrupted').locator('p')]) {
      const { y, height } = (await part.boundingBox()) ?? { y: NaN, height: NaN };
      expect(y + height).toBeLessThanOrEqual(360);
    }
    await page.setViewportSize(size);
  });
  await resume.click();
  await waitForStep(page, step + 5);
  await test.step('Stop interrupts it once more', async () => {
    await page.getByTestId('stop').click();
    await waitForStatus(page, 'stopped');
    await expect(resume).toBeVisible();
    await resume.click();
  });
  await waitForStatus(page, 'finished');
  await expect(page.getByText('could not be saved')).toHaveCount(0);
  const { results } = await downloadResults(page);
  expectConsistent(results);
  expect(results.curves.step).toHaveLength(80);
  await page.reload();
  await expect(page.getByTestId('start')).toBeEnabled();
  await page.getByTestId('tab-results').click();
  await expect(page.getByTestId('kept-rounds')).toContainText('1-gloss');
  await expect(page.getByTestId('interrupted'), 'a finished run leaves nothing').toBeHidden();

  await test.step('an uninterrupted run', async () => {
    await choose(page, choice);
    await start(page);
    await waitForStatus(page, 'finished');
    const { results: whole } = await downloadResults(page);
    expect(results.curves.loss).toEqual(whole.curves.loss);
    expect(results.accuracy).toEqual(whole.accuracy);
  });
});

test('what a stopped run has saved can be removed', async ({ page }) => {
  await openWorkbench(page);
  await choose(page, { method: 'seq-lora', leaveOut: ['field'], trainExamples: 400, testExamples: 4, batchSize: 2 });
  await start(page);
  await waitForStep(page, 1);
  await page.getByTestId('stop').click();
  await waitForStatus(page, 'stopped');
  await page.getByTestId('drop-checkpoint').click();
  await expect(page.getByTestId('interrupted')).toBeHidden();
  await page.reload();
  await expect(page.getByTestId('start')).toBeEnabled();
  await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(0);
  await expect(page.getByTestId('interrupted')).toBeHidden();
});

test('a browser killed in the second round resumes, and ends with the same results', async ({
  playwright,
  launchOptions,
  baseURL,
}, testInfo) => {
  const choice = { method: 'gorp-plus', trainExamples: 40, testExamples: 4, batchSize: 1 };
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
      ['step-round', 40],
      ['step', 41],
    ] as const) {
      await page.getByTestId(button).click();
      await expect.poll(() => lastStep(page), { timeout: 120_000 }).toBe(step);
      if (button === 'step-round') await expect(page.getByTestId('cell-1-1')).not.toBeEmpty();
      await waitForStatus(page, 'paused'); // and is saved
    }
    await page.getByTestId('resume').click();
    await waitForStep(page, 45);
    await kill(context);

    context = await open();
    page = await context.newPage();
    await openWorkbench(page);
    const resume = page.getByTestId('resume-from-checkpoint');
    await expect(resume).toHaveText('Resume at step 41');
    await resume.click();
    await waitForStatus(page, 'finished');
    const { results } = await downloadResults(page);
    expectConsistent(results);

    await page.reload();
    await choose(page, choice);
    await start(page);
    await waitForStatus(page, 'finished');
    const { results: uninterrupted } = await downloadResults(page);
    expect(uninterrupted.curves.step).toHaveLength(80);
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
