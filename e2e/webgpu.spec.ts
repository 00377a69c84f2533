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

const TINY: Choice = {
  method: 'seq-lora',
  leaveOut: ['field'],
  trainExamples: 12,
  testExamples: 2,
  batchSize: 2,
  generalText: true,
};

const chooseDevice = (page: Page, name: string): Promise<void> =>
  page.getByRole('radiogroup', { name: 'Device' }).getByText(name).click();

test('the browser gives a WebGPU adapter', async ({ page }) => {
  await page.goto('/');
  const adapter = await page.evaluate(async () => {
    const found = await navigator.gpu?.requestAdapter();
    return found ? { architecture: found.info.architecture } : null;
  });
  expect(adapter, 'no WebGPU adapter: the other test would test nothing').not.toBeNull();
});

// One test, since compiling every kernel takes most of its time.
test('a software adapter is left alone unless asked for; then it trains, also after a crash, frames are drawn, and it answers', async ({
  playwright,
  launchOptions,
  baseURL,
}) => {
  test.slow();
  // In its own browser: browsers remember crashes, and may switch the GPU off.
  const browser = await playwright.chromium.launch(launchOptions);
  try {
    const page = await browser.newPage({ baseURL: baseURL ?? '' });
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

    const saved = await test.step('a run is saved at a pause', async () => {
      await choose(page, TINY);
      await start(page);
      await waitForStep(page, 1);
      await expect(page.getByTestId('status')).toContainText('This adapter is software');
      await page.getByTestId('pause').click();
      await waitForStatus(page, 'paused');
      return lastStep(page);
    });

    await test.step('after the GPU process crashes it resumes by itself, and finishes', async () => {
      await page.getByTestId('resume').click();
      await waitForStep(page, saved + 1);
      await crashGpuProcess(browser);
      const notice = page.getByTestId('warnings').getByText(`The run resumes automatically from step ${saved}.`);
      await expect(notice).toBeVisible();
      await waitForStatus(page, 'finished', 500_000);
      const { results } = await downloadResults(page);
      expectConsistent(results);
      expect(results).toMatchObject({ status: 'finished', breaks: [{ cause: 'device-lost', step: saved }] });
      expect(results.curves.step).toEqual(Array.from({ length: 6 }, (_, i) => i + 1));
      expect(results.device).toMatchObject({ kind: 'webgpu', why: 'asked', software: true });
    });

    await test.step('the page drew frames while steps were computed', async () => {
      const [events, frames] = await Promise.all([workerEvents(page), framesAtEvents(page)]);
      const crash = events.findIndex(({ type }) => type === 'recovering');
      const reported = events.flatMap((event, i) =>
        event.type === 'steps' && i > crash ? [{ losses: event.losses, frames: frames[i] }] : [],
      );
      const [first, ...others] = reported;
      const steps = others.reduce((sum, { losses }) => sum + losses.length, 0);
      const drawn = (others.at(-1)?.frames ?? 0) - first.frames;
      expect(steps).toBeGreaterThan(2);
      expect(drawn / steps).toBeGreaterThan(3);
    });

    await test.step('the model is tried there, and answers as its round did', async () => {
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
  } finally {
    await browser.close();
  }
});

async function crashGpuProcess(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
}
