import { expect, test } from '@playwright/test';
import { choose, downloadResults, lastStep, openWorkbench, startPaused, waitForStatus } from './support/workbench.ts';

test('a paused run advances by one optimizer step, or to the end of its round', async ({ page }) => {
  await openWorkbench(page);
  await choose(page, { method: 'seq-lora', trainExamples: 24, testExamples: 4, batchSize: 4 });
  await startPaused(page);
  expect(await lastStep(page), 'the first step, after the tests before training').toBe(1);
  for (const step of [2, 3]) {
    await page.getByTestId('step').click();
    await expect.poll(() => lastStep(page)).toBe(step);
    await waitForStatus(page, 'paused');
  }
  await page.getByTestId('step-round').click();
  await expect(page.getByTestId('cell-1-1'), 'the round is tested').not.toBeEmpty();
  await waitForStatus(page, 'paused');
  expect(await lastStep(page)).toBe(6);
  await page.getByTestId('step').click();
  await expect.poll(() => lastStep(page)).toBe(7);
  await waitForStatus(page, 'paused');
  await page.getByTestId('step-round').click();
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.curves.step).toHaveLength(12);
});
