import { expect, test } from '@playwright/test';
import { percent } from '../src/app/ui/format.ts';
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

const TRAIN_EXAMPLES = 48;

test('an ordinary browser learns the whole default order on the CPU', async ({ page }) => {
  test.setTimeout(600_000);
  await openWorkbench(page);
  // A quarter of the examples: the model learns from them all the same.
  await page.locator('[data-setting="training.trainExamples"]').fill(String(TRAIN_EXAMPLES));
  await page.locator('[data-setting="training.testExamples"]').fill('12');
  const line = page.getByTestId('device-line');
  await expect(line).toContainText(/^Trains on the CPU \(WebAssembly, \d+ threads?\): /);
  await expect(page.getByTestId('memory-plan')).toHaveAttribute('data-status', 'planned');
  const estimate = page.getByTestId('estimate');
  await expect(estimate).toContainText(/^(About \d+|\d+( s)? to \d+) (s|min) on this CPU/);
  const estimated = Number(await estimate.getAttribute('data-seconds'));

  const placeOfTab = async (): Promise<unknown> => page.getByTestId('tab-results').boundingBox();
  const place = await placeOfTab();
  await start(page);
  await waitForStep(page, 1);
  expect(await placeOfTab(), 'a tab that is about to be clicked stays in its place').toEqual(place);
  const early = await lastStep(page);
  await expect.poll(() => lastStep(page), 'the chart updates').toBeGreaterThan(early);
  await expect(page.getByTestId('machine')).toContainText('CPU by WebAssembly');
  await waitForStatus(page, 'finished', 500_000);
  expect(await placeOfTab()).toEqual(place);
  const table = page.getByTestId('loss-chart').locator('details');
  await table.locator('summary').click();
  await expect(table.locator('tbody tr').nth(40), 'steps of the whole run').toBeAttached();
  await page.getByTestId('tab-ranks').click();
  await expectNoWorkers(page); // that of the answers ends with its view
  await expect(page.getByTestId('ranks-map').locator('[aria-selected]').first()).toBeVisible();

  const { results } = await downloadResults(page);
  expectConsistent(results);
  expect(results.status).toBe('finished');
  expect(results.settings.order).toHaveLength(4);
  expect(results.device).toMatchObject({ kind: 'wasm', software: true });
  expect(['no-webgpu', 'no-adapter', 'software-adapter']).toContain(results.device.why);
  const { averagePerformance } = results.measures.exact;
  expect(averagePerformance, 'the model has learned').toBeGreaterThan(0.4);
  const row = page.getByTestId('history').locator('tbody tr').first();
  await expect(row).toContainText(percent(averagePerformance));
  await row.getByTestId('unfold-run').click();
  await expect(page.getByTestId('history')).toContainText('CPU by WebAssembly');

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
