import { expect, type Page } from '@playwright/test';
import * as v from 'valibot';
import { type Results, ResultsSchema } from '../../src/run/results/results.ts';
import type { RunStatus } from '../../src/app/state/run-state.ts';
import { savedBy } from './downloads.ts';

/** Settings of a run as they are entered on the page: two tasks, gloss and field. */
export interface Choice {
  method?: string;
  /** Tasks of the preset that are not learned. */
  leaveOut?: string[];
  /** One by default. */
  epochs?: number;
  trainExamples: number;
  testExamples: number;
  batchSize: number;
  sourceLength?: number;
  /** Whether general text is measured. Not by default: its measurements take as long as the rest of a run this short. */
  generalText?: boolean;
}

/** Opens the page and waits until it can be used. */
export async function openWorkbench(page: Page, url = '/'): Promise<void> {
  await page.goto(url);
  await expect(page.getByTestId('start')).toBeEnabled();
}

/** Enters settings. */
export async function choose(page: Page, choice: Choice): Promise<void> {
  const { method, leaveOut = [], epochs = 1, generalText = false, ...training } = choice;
  await page.getByTestId('preset-select').selectOption('quick');
  for (const task of ['gloss', 'field']) await page.getByLabel('Add a task').selectOption(task);
  if (method !== undefined) await page.getByTestId('method-select').selectOption(method);
  for (const task of ['people', 'emoji', ...leaveOut]) {
    await page.getByLabel(`Leave out ${task}`).click();
    await expect(page.locator(`[data-task="${task}"]`)).toHaveCount(0);
  }
  if (!generalText) await page.getByLabel('Do not measure general text').click();
  for (const [name, value] of Object.entries({ epochs, ...training })) {
    await page.locator(`[data-setting="training.${name}"]`).fill(String(value));
  }
}

export const start = (page: Page): Promise<void> => page.getByTestId('start').click();

/**
 * Starts a run that pauses after its first step, and waits until it has. The page itself presses the button: a tiny run
 * may be over before a click from outside arrives.
 */
export async function startPaused(page: Page): Promise<void> {
  await expect(page.getByTestId('start')).toBeEnabled();
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const button = (name: string) => document.querySelector<HTMLButtonElement>(`[data-testid=${name}]`);
        const changes = new MutationObserver(() => {
          const step = button('step');
          if (step === null || step.disabled) return;
          changes.disconnect();
          step.click();
          resolve();
        });
        changes.observe(document, { subtree: true, childList: true, attributes: true });
        button('start')?.click();
      }),
  );
  await waitForStatus(page, 'paused');
}

/** Waits until the run has `status`; throws at once with the page's own words if the run fails instead. */
export async function waitForStatus(page: Page, status: RunStatus, timeout = 180_000): Promise<void> {
  const either = page.locator(`[data-testid=status]:is([data-status=${status}], [data-status=failed])`);
  await either.waitFor({ timeout });
  if (status === 'failed') return;
  const failure = page.getByTestId('error-panel');
  if (await failure.isVisible()) throw new Error(`The run failed: ${await failure.innerText()}`);
}

/** The step whose loss the chart shows last; 0 before the first. */
export async function lastStep(page: Page): Promise<number> {
  const chart = page.getByTestId('loss-chart').getByRole('img', { name: /^Loss/ }); // rates have a chart too
  return Number(/ at step (\d+)/.exec((await chart.getAttribute('aria-label')) ?? '')?.[1] ?? 0);
}

/** Waits until the loss of a step is shown. */
export const waitForStep = (page: Page, step: number, timeout = 120_000): Promise<void> =>
  expect.poll(() => lastStep(page), { timeout, intervals: [100] }).toBeGreaterThanOrEqual(step);

/** Opens the table of the chart in a section, and reads its rows. */
export async function chartTable(page: Page, section: string): Promise<string[][]> {
  const details = page.getByTestId(section).locator('details');
  await details.locator('summary').click();
  const rows = details.locator('tbody tr');
  await expect(rows.first(), 'the table appears a moment after the click').toBeVisible();
  return Promise.all((await rows.all()).map((row) => row.locator('th, td').allInnerTexts()));
}

/** Downloads the results file as a person does, and checks it against its schema. */
export async function downloadResults(page: Page): Promise<{ name: string; results: Results }> {
  await page.getByTestId('tab-results').click();
  // By the keyboard: the notice of a run that was just stopped comes a moment later, and moves the button.
  const button = page.getByTestId('download-results');
  await expect(button).toBeEnabled();
  const { name, bytes } = await savedBy(page, () => button.press('Enter'));
  return { name, results: v.parse(ResultsSchema, JSON.parse(bytes.toString('utf8'))) };
}

/**
 * Waits until no worker is left. The training worker ends at once, but the page may check its device again after a run,
 * and that worker measures a step: seconds on a software adapter, more on a busy machine. A stuck worker never ends.
 */
export const expectNoWorkers = (page: Page): Promise<void> =>
  expect
    .poll(() => page.workers().map((worker) => worker.url()), { message: 'all workers have ended', timeout: 60_000 })
    .toEqual([]);

/** The error that the page shows: its code, and all its text. It must say what to do next. */
export async function shownError(page: Page): Promise<{ code: string; text: string }> {
  const panel = page.getByTestId('error-panel');
  await expect(panel).toBeVisible();
  const text = await panel.innerText();
  expect(text).toMatch(/What to do: \S+/);
  return { code: await panel.locator('code').last().innerText(), text };
}
