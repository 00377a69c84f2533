import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { preview } from 'vite';
import type { Results } from '../../src/run/results/results.ts';
import { buildApp } from '../../tools/setup/build.ts';
import { projectRoot } from '../../tools/setup/process.ts';
import { checkRun, readResults, SETTINGS, trainQuick } from './losses.ts';

// Milliseconds: kernels compile slowly on a busy machine.
export const RUN_LIMIT = 30 * 60_000;
const DOWNLOAD_LIMIT = 30_000;
const PAGE_LIMIT = 120_000;

/**
 * Trains the quick preset on the page in a browser, downloads the results as a person does, and compares the losses
 * with those of Dawn in Node.
 *
 * @param launch opens the browser, which saves downloads in a folder.
 * @throws an error that says what is wrong.
 */
export async function checkBrowser(launch: (downloads: string) => Promise<Browser>): Promise<void> {
  await buildApp();
  const results = await trainInBrowser(launch);
  console.log(`Finished in ${results.seconds.toFixed(0)} s.`);
  checkRun(results, await trainQuick([process.execPath]));
}

async function trainInBrowser(launch: (downloads: string) => Promise<Browser>): Promise<Results> {
  const server = await preview({ root: projectRoot, preview: { host: 'localhost', port: 0 }, logLevel: 'warn' });
  const downloads = mkdtempSync(join(tmpdir(), 'gorp-web-browser-'));
  const browser = await launch(downloads);
  try {
    console.log(await browser.version());
    const page = await browser.newPage();
    page.setDefaultTimeout(PAGE_LIMIT);
    page.on('console', (message) => {
      if (message.type() === 'error') console.error(message.text());
    });
    await trainOnPage(page, server.resolvedUrls?.local[0] ?? '');
    return readResults(await download(page, downloads));
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Presses a control that may be out of sight. */
const press = (page: Page, selector: string): Promise<void> =>
  page.$eval(selector, (element) => (element as HTMLElement).click());

/** Starts the quick preset, and waits for its end. @throws the page's error if the run fails. */
async function trainOnPage(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.waitForSelector('[data-testid=start]:not(:disabled)');
  await page.select('[data-testid=preset-select]', 'quick');
  for (const [name, value] of Object.entries(SETTINGS)) await enter(page, name, String(value));
  // A software adapter counts as the CPU unless it is requested.
  const gpu = await page.waitForSelector('[data-testid=device-field] ::-p-text(GPU)');
  await gpu?.evaluate((label) => (label as HTMLElement).click());
  await press(page, '[data-testid=start]');
  await page.waitForSelector('[data-testid=status]:is([data-status=finished], [data-status=failed])', {
    timeout: RUN_LIMIT,
  });
  const failure = await page.$('[data-testid=error-panel]');
  const text = await failure?.evaluate((panel) => (panel as HTMLElement).innerText);
  if (text !== undefined && text !== '') throw new Error(`The run failed: ${text}`);
}

/** Enters a setting. Its field may be folded away, so its value is set directly, as React expects it. */
const enter = (page: Page, name: string, value: string): Promise<void> =>
  page.$eval(
    `[data-setting="${name}"]`,
    (input, value) => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(input, value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    },
    value,
  );

/** Downloads the results as a person does. @returns the path of the file. */
async function download(page: Page, folder: string): Promise<string> {
  await press(page, '[data-testid=tab-results]');
  await page.waitForSelector('[data-testid=download-results]');
  await press(page, '[data-testid=download-results]');
  for (const until = Date.now() + DOWNLOAD_LIMIT; Date.now() < until;) {
    const files = readdirSync(folder);
    const [name] = files.filter((file) => file.endsWith('.json'));
    if (name !== undefined && !files.some((file) => /\.(part|crdownload)$/.test(file))) return join(folder, name);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The results were not downloaded.');
}
