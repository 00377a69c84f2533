import { expect, test } from '@playwright/test';
import { storedWeights } from './support/stored.ts';
import { choose, openWorkbench, shownError, start, waitForStatus } from './support/workbench.ts';

test('the page plans the memory of a run; one that needs more, or whose batches are too small, fetches no weights', async ({
  page,
}) => {
  await openWorkbench(page);
  const plan = page.getByTestId('memory-plan');
  const total = plan.getByTestId('planned-total');
  await expect(plan).toHaveAttribute('data-status', 'planned');
  const before = await total.innerText();
  await plan.getByText('Breakdown').click();
  await expect(plan.getByRole('row', { name: 'Frozen weights' })).toContainText('MiB');

  await choose(page, { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 64 });
  await expect(total).not.toHaveText(before);
  await expect(plan).toHaveAttribute('data-status', 'planned');
  await expect(plan.getByTestId('memory-refusal')).toBeHidden();

  const budget = page.getByTestId('memory-budget');
  await budget.fill('0.001');
  await expect(plan.getByTestId('memory-refusal')).toContainText(/smaller (test )?batch/);
  await start(page);
  await waitForStatus(page, 'failed');
  const error = await shownError(page);
  expect(error.code).toBe('run/too-little-memory');
  expect(error.text).toContain('recompute activations');
  expect((await storedWeights(page)).files).not.toContain('model.safetensors');

  await page.reload();
  await expect(budget).toHaveValue('0.001');
  await budget.fill('');
  await expect(plan.getByTestId('memory-refusal')).toBeHidden();

  await page.getByText(/^All settings of/).click();
  await page.locator('[data-setting="training.batchTokens"]').fill('40');
  await expect(plan).toHaveAttribute('data-status', 'planned');
  await start(page);
  await expect(page.getByTestId('error-panel')).toContainText(/more than the 40 of a batch.*at least \d+/s);
  expect((await shownError(page)).code).toBe('settings/batch-tokens');
});
