import { expect, type Page, test } from '@playwright/test';
import { expectConsistent } from './support/consistency.ts';
import { installProbe, workerEvents } from './support/probe.ts';
import {
  choose,
  downloadResults,
  expectNoWorkers,
  lastStep,
  openWorkbench,
  start,
  startPaused,
  waitForStatus,
  waitForStep,
} from './support/workbench.ts';

test('a run pauses, resumes and stops, and leaves nothing on the device; paused, it advances by a step or a round', async ({
  page,
}) => {
  await installProbe(page);
  await page.addInitScript(watchWakeLocks);
  await openWorkbench(page);
  // It takes minutes, so that it never ends before it is stopped.
  await choose(page, { leaveOut: ['field'], epochs: 50, trainExamples: 400, testExamples: 4, batchSize: 2 });
  await start(page);
  await waitForStep(page, 1);
  await expect(page.getByTestId('preset-select'), 'settings are locked').toBeHidden();
  expect(await wakeLocks(page), 'the screen stays on').toBe(1);

  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  await expect.poll(() => wakeLocks(page), 'a paused run lets the screen turn off').toBe(0);
  const atPause = { step: await lastStep(page), events: (await workerEvents(page)).length };
  await page.waitForTimeout(500); // many steps
  expect(await lastStep(page), 'no step while paused').toBe(atPause.step);
  expect((await workerEvents(page)).length, 'the worker is idle').toBe(atPause.events);

  await test.step('closing the tab would lose the run: the browser asks', async () => {
    const [dialog] = await Promise.all([page.waitForEvent('dialog'), page.close({ runBeforeUnload: true })]);
    expect(dialog.type()).toBe('beforeunload');
    await dialog.dismiss();
  });

  await page.getByTestId('resume').click();
  await waitForStep(page, atPause.step + 1);
  await expect(page.getByTestId('status')).toHaveAttribute('data-status', 'running');

  await page.getByTestId('pause').click();
  await waitForStatus(page, 'paused');
  await page.getByTestId('stop').click();
  await waitForStatus(page, 'stopped');
  await expect(page.getByTestId('phase')).toHaveText('Stopped');
  const memory = page.getByTestId('machine').locator('dl > div', { hasText: 'Peak memory' });
  await expect(memory).toHaveAttribute('title', /^0 B held now/);
  await expectNoWorkers(page);
  await expect(page.getByTestId('start')).toBeEnabled();
  const steps = await lastStep(page);

  const { results } = await downloadResults(page);
  expect(results).toMatchObject({ status: 'stopped', error: null });
  expectConsistent(results);
  expect(results.curves.step).toHaveLength(steps);
  expect(results.accuracy.exact[1], 'not measured is not 0').toEqual([null]);
  expect(results.measures.exact.averagePerformance).toBeNull();
  const elapsed = (Date.now() - Date.parse(results.startedAt)) / 1000;
  expect(results.seconds, 'pauses are left out').toBeLessThan(elapsed - 0.5);

  await page.getByTestId('tab-run').click();
  await test.step('a paused run advances by a step, and to the end of its round', () => expectAdvances(page));
});

/** Starts a run paused, and takes it to its end by its buttons. */
async function expectAdvances(page: Page): Promise<void> {
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
}

/** Runs in the page before its own scripts: counts the wake locks held, since the machine may have no screen. */
function watchWakeLocks(): void {
  const watch = { held: 0 };
  const request = (): Promise<object> => {
    watch.held++;
    return Promise.resolve({ addEventListener: () => undefined, release: () => Promise.resolve(void watch.held--) });
  };
  Object.assign(globalThis, { wakeLocks: watch });
  Object.defineProperty(navigator, 'wakeLock', { value: { request } });
}

const wakeLocks = (page: Page): Promise<number> =>
  page.evaluate(() => (globalThis as unknown as { wakeLocks: { held: number } }).wakeLocks.held);

test('a run is stopped after a step that takes many seconds, with the reason, and resumes there', async ({ page }) => {
  await openWorkbench(page);
  await choose(page, {
    method: 'gorp',
    leaveOut: ['field'],
    epochs: 9,
    trainExamples: 160,
    testExamples: 2,
    batchSize: 4,
  });
  await page.locator('#setup-form summary').filter({ hasText: 'All settings of' }).click();
  // A step of the whole epoch; one that computes a basis goes through it five times.
  await page.locator('[data-setting="training.gradientAccumulation"]').fill('160');
  await start(page);
  await expect(page.getByTestId('phase')).toHaveText('Learning gloss', { timeout: 60_000 });
  await page.getByTestId('stop').click();
  await expect(page.getByTestId('phase')).toHaveText('Stopping after this step');
  await expect(page.getByTestId('end-now')).toBeVisible();
  await waitForStatus(page, 'stopped');
  await expect(page.getByTestId('warnings')).toBeHidden();
  await expect(page.getByTestId('resume-from-checkpoint')).toHaveText(/^Resume at step [1-9]$/);
});
