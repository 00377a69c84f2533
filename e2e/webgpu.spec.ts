import { type Browser, expect, type Page, test } from '@playwright/test';
import { expectConsistent } from './support/consistency.ts';
import { framesAtEvents, installProbe, workerEvents } from './support/probe.ts';
import {
  choose,
  type Choice,
  downloadResults,
  lastStep,
  openWorkbench,
  start,
  waitForStatus,
  waitForStep,
} from './support/workbench.ts';

const TINY: Choice = { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 2 };

const chooseDevice = (page: Page, name: string): Promise<void> =>
  page.getByRole('radiogroup', { name: 'Device' }).getByText(name).click();

test('the browser gives a WebGPU adapter', async ({ page }) => {
  await page.goto('/');
  const adapter = await page.evaluate(async () => {
    const found = await navigator.gpu?.requestAdapter();
    return found ? { architecture: found.info.architecture } : null;
  });
  expect(adapter, 'no WebGPU adapter: the other tests would test nothing').not.toBeNull();
});

test('a software adapter is left alone unless asked for; then it trains, frames are drawn, and it answers', async ({
  page,
}) => {
  test.slow(); // every kernel is compiled
  await installProbe(page);
  await openWorkbench(page);
  const line = page.getByTestId('device-line');
  await test.step('it is chosen, and the choice is remembered', async () => {
    await expect(line).toHaveAttribute('data-kind', 'wasm');
    await expect(line).toContainText('is software, which is slower');
    await chooseDevice(page, 'GPU');
    await expect(line).toHaveAttribute('data-kind', 'webgpu');
    await expect(line).toContainText('a software graphics adapter, as you chose');
    await page.getByLabel('Share of the GPU').selectOption('75 %');
    await page.reload();
    await expect(line).toHaveAttribute('data-kind', 'webgpu');
    await expect(page.getByLabel('Share of the GPU')).toHaveValue('75');
  });

  await test.step('a run finishes', async () => {
    await choose(page, { ...TINY, method: 'gorp', trainExamples: 24, batchSize: 4 });
    await start(page);
    await waitForStep(page, 1);
    await expect(page.getByTestId('status')).toContainText('This adapter is software');
    await waitForStatus(page, 'finished', 500_000);
    const { results } = await downloadResults(page);
    expect(results.device).toMatchObject({ kind: 'webgpu', why: 'asked', software: true });
    expectConsistent(results);
  });

  await test.step('the page drew frames while steps were computed', async () => {
    const [events, frames] = await Promise.all([workerEvents(page), framesAtEvents(page)]);
    const reported = events.flatMap((event, i) =>
      event.type === 'steps' ? [{ losses: event.losses, frames: frames[i] }] : [],
    );
    const [first, ...others] = reported;
    const steps = others.reduce((sum, { losses }) => sum + losses.length, 0);
    const drawn = (others.at(-1)?.frames ?? 0) - first.frames;
    expect(steps).toBeGreaterThan(2);
    expect(drawn / steps).toBeGreaterThan(3);
  });

  await test.step('the model is tried there, and answers as its rounds did', async () => {
    await page.getByTestId('tab-try').click();
    await page.getByTestId('examples-shown').selectOption('all');
    await page.getByRole('checkbox', { name: 'before training' }).uncheck();
    const row = page.getByTestId('example').first();
    await row.getByTestId('example-ask').click();
    const answer = page.getByTestId('answer').last();
    await expect(answer).toHaveAttribute('data-status', 'answered', { timeout: 120_000 });
    await expect(page.getByTestId('try-memory')).toContainText('Computed on the graphics card.');
    expect(await answer.getByTestId('answer-text').innerText()).toBe(
      await row.locator('[data-written]').last().innerText(),
    );
  });
});

test('after the GPU process crashes the run resumes by itself from its last checkpoint', async ({
  playwright,
  launchOptions,
  baseURL,
}) => {
  // In its own browser: browsers remember crashes, and may switch the GPU off.
  const browser = await playwright.chromium.launch(launchOptions);
  try {
    const page = await browser.newPage({ baseURL: baseURL ?? '' });
    await openWorkbench(page);
    await chooseDevice(page, 'GPU');
    await choose(page, { ...TINY, trainExamples: 14 });
    await start(page);
    await waitForStep(page, 2);
    await page.getByTestId('pause').click();
    await waitForStatus(page, 'paused'); // and is saved
    const saved = await lastStep(page);
    await page.getByTestId('resume').click();
    await waitForStep(page, saved + 1);
    await crashGpuProcess(browser);
    const notice = page.getByTestId('warnings').getByText(`The run resumes automatically from step ${saved}.`);
    await expect(notice).toBeVisible();
    await waitForStatus(page, 'finished');
    const { results } = await downloadResults(page);
    expectConsistent(results);
    expect(results).toMatchObject({ status: 'finished', breaks: [{ cause: 'device-lost', step: saved }] });
    expect(results.curves.step).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(results.device).toMatchObject({ kind: 'webgpu', why: 'asked' });
  } finally {
    await browser.close();
  }
});

async function crashGpuProcess(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
}
