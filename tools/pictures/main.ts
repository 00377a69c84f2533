/**
 * `npm run pictures`: a picture of each view of the page, docs/pictures/VIEW.png, after two short runs with other methods.
 * To be made anew when a view looks different. The runs compute on the CPU, so that any machine can make them.
 */
import { mkdirSync } from 'node:fs';
import { chromium, expect, type Page } from '@playwright/test';
import { preview } from 'vite';
import { choose, openWorkbench, start, waitForStatus } from '../../e2e/support/workbench.ts';
import { buildApp } from '../setup/build.ts';
import { projectPath, projectRoot } from '../setup/process.ts';
import { findBrowser } from '../test/browser.ts';

const METHODS = ['seq-lora', 'gorp-plus'];
/** Pixels: a view is shown as far as it is seen without scrolling. */
const SIZE = { width: 1280, height: 1200 };

/** Takes a picture of the view behind each tab. */
async function takePictures(page: Page, folder: string): Promise<void> {
  for (const tab of await page.getByRole('tab').all()) {
    await tab.click();
    const view = (await tab.getAttribute('data-testid'))?.replace('tab-', '') ?? '';
    await expect(page.getByRole('tabpanel')).toBeVisible();
    // What a worker has still to tell, and charts, which the next frames draw.
    await expect(page.getByText('None yet')).toBeHidden();
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    await page.evaluate(() => document.querySelectorAll('*').forEach((element) => element.scrollTo(0, 0)));
    await page.screenshot({ path: `${folder}/${view}.png` });
    console.log(`docs/pictures/${view}.png`);
  }
}

await buildApp();
const folder = projectPath('docs', 'pictures');
mkdirSync(folder, { recursive: true });
const server = await preview({ root: projectRoot, preview: { port: 0, host: 'localhost' }, logLevel: 'error' });
const executablePath = findBrowser();
if (executablePath === undefined) throw new Error('No browser found. Install Chrome or Chromium, or set CHROME_PATH.');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });
  await openWorkbench(page, server.resolvedUrls?.local[0]);
  for (const method of METHODS) {
    await choose(page, { method, trainExamples: 160, testExamples: 60, batchSize: 8 });
    await start(page);
    await waitForStatus(page, 'finished', 10 * 60_000);
  }
  await takePictures(page, folder);
} finally {
  await browser.close();
  await server.close();
}
