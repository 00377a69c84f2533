import { expect, test } from '@playwright/test';
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
  const choice = { method: 'gorp-plus', leaveOut: ['field'], trainExamples: 160, testExamples: 4, batchSize: 2 };
  await openWorkbench(page);
  await choose(page, choice);
  await expect(page.getByTestId('interrupted')).toBeHidden();
  await start(page);
  await waitForStep(page, 5);
  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  const step = await lastStep(page);

  await page.reload();
  const goOn = page.getByTestId('go-on-at-checkpoint');
  await expect(goOn).toHaveText(`Resume at step ${step}`);
  await expect(page.getByTestId('interrupted')).toContainText('while learning gloss (task 1 of 1)');
  await goOn.click();
  await waitForStep(page, step + 5);
  await test.step('Stop interrupts it once more', async () => {
    await page.getByTestId('stop').click();
    await waitForStatus(page, 'stopped');
    await expect(goOn).toBeVisible();
    await goOn.click();
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
