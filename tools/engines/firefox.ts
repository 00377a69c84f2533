/**
 * `npm run test:firefox`: the quick preset in Firefox, on the page, to its end, and the results file that it gives. Firefox
 * is the system's (FIREFOX_PATH names another one); it is driven by WebDriver BiDi. The losses are compared with those of
 * Dawn in Node.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import puppeteer, { type Page } from 'puppeteer-core';
import { preview } from 'vite';
import { buildApp } from '../setup/build.ts';
import { projectRoot } from '../setup/process.ts';
import { checkRun, EPOCHS, readResults, trainQuick } from './losses.ts';

// Milliseconds: kernels compile slowly on a busy machine.
const RUN_LIMIT = 30 * 60_000;
const DOWNLOAD_LIMIT = 30_000;
const PAGE_LIMIT = 120_000;

const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/Applications/Firefox.app/Contents/MacOS'];
const candidates = folders.flatMap((folder) =>
  ['firefox', 'firefox-esr', 'firefox.exe'].map((name) => join(folder, name)),
);

function findFirefox(): string {
  const found = process.env['FIREFOX_PATH'] ?? candidates.find((path) => existsSync(path));
  if (found !== undefined && existsSync(found)) return found;
  throw new Error('There is no Firefox. Install it (Debian: apt-get install firefox-esr), or name it by FIREFOX_PATH.');
}

/** Presses what may be out of sight. */
const press = (page: Page, selector: string): Promise<void> =>
  page.$eval(selector, (element) => (element as HTMLElement).click());

/** Starts the quick preset, and waits for its end. @throws what the page says where it fails. */
async function trainOnPage(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.waitForSelector('[data-testid=start]:not(:disabled)');
  await page.select('[data-testid=preset-select]', 'quick');
  // The field may be folded away: it is set as React expects it.
  await page.$eval(
    '[data-setting="training.epochs"]',
    (input, value) => {
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(input, value);
      input.dispatchEvent(new Event('input', { bubbles: true }));
    },
    String(EPOCHS),
  );
  // A software adapter counts as the CPU until it is asked for.
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

/** Downloads the results as a person does. @returns the path of the file. */
async function download(page: Page, folder: string): Promise<string> {
  await press(page, '[data-testid=tab-results]');
  await page.waitForSelector('[data-testid=download-results]');
  await press(page, '[data-testid=download-results]');
  for (const until = Date.now() + DOWNLOAD_LIMIT; Date.now() < until;) {
    const files = readdirSync(folder);
    const [name] = files.filter((file) => file.endsWith('.json'));
    if (name !== undefined && !files.some((file) => file.endsWith('.part'))) return join(folder, name);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('The results were not downloaded.');
}

const firefox = findFirefox();
console.log(spawnSync(firefox, ['--version'], { encoding: 'utf8' }).stdout.trim());
await buildApp();
const server = await preview({ root: projectRoot, preview: { host: 'localhost', port: 0 }, logLevel: 'warn' });
const address = server.resolvedUrls?.local[0] ?? '';
const downloads = mkdtempSync(join(tmpdir(), 'gorp-web-firefox-'));
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath: firefox,
  headless: true,
  protocolTimeout: RUN_LIMIT,
  extraPrefsFirefox: {
    'dom.webgpu.enabled': true,
    'gfx.webgpu.ignore-blocklist': true, // software adapters are on it
    'browser.download.folderList': 2,
    'browser.download.dir': downloads,
    'browser.download.useDownloadDir': true,
    'browser.helperApps.neverAsk.saveToDisk': 'application/json',
  },
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(PAGE_LIMIT);
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text());
  });
  await trainOnPage(page, address);
  const results = readResults(await download(page, downloads));
  console.log(`Finished in ${results.seconds.toFixed(0)} s.`);
  checkRun(results, await trainQuick([process.execPath]));
} finally {
  await browser.close();
  await server.close();
}
process.exit(0);
