/**
 * `npm run pictures`: takes a picture of each view of the page, docs/pictures/VIEW.webp, after a queue of short runs.
 * Run it again when a view changes. The runs compute on the CPU, so any machine will do.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { type Browser, chromium, expect, type Locator, type Page } from '@playwright/test';
import { preview } from 'vite';
import { choose, openWorkbench } from '../../e2e/support/workbench.ts';
import { buildApp } from '../setup/build.ts';
import { projectPath, projectRoot } from '../setup/process.ts';
import { requireBrowser } from '../test/browser.ts';

const METHODS = ['seq-lora', 'gorp-plus'];
const SEEDS = [1, 2];
const RUNS_TIMEOUT = 20 * 60_000;
/** Pixels: a picture shows what is visible without scrolling. */
const SIZE = { width: 1280, height: 1000 };
/** Quality of the WebP, from 0 to 1: small text stays sharp. */
const QUALITY = 0.8;

/** Steps that prepare a view for its picture, by the name of its tab. */
const PREPARED: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  ranks: async (page) => {
    await openRun(page, 'gorp-plus', 'ranks');
    await expect(page.getByTestId('ranks-map').getByRole('gridcell').first()).toBeVisible();
  },
  compare: async (page) => {
    await page.getByTestId('tab-queue').click();
    await page.getByTestId('queue-compare').click();
    await expect(page.getByTestId('compared').getByRole('listitem')).toHaveCount(METHODS.length * SEEDS.length);
  },
  device: async (page) => {
    await page.getByTestId('measure-start').click();
    const measurement = page.getByTestId('measurement');
    await expect(measurement).toHaveAttribute('data-status', 'done', { timeout: 120_000 });
  },
  try: async (page) => {
    await openRun(page, 'seq-lora', 'try'); // it forgets, so some examples have turned wrong
    await expect(page.getByTestId('example').first()).toBeVisible();
    await (await shortest(page.getByTestId('example'))).getByTestId('example-ask').click();
    const answers = page.getByTestId('asked').first().getByTestId('answer');
    await expect(answers.last()).toHaveAttribute('data-status', 'answered', { timeout: 240_000 });
  },
};

/** Opens the run of a method with the first seed, and a view of it. */
async function openRun(page: Page, method: string, view: string): Promise<void> {
  await page.getByTestId('tab-queue').click();
  await page.getByRole('button', { name: new RegExp(`^Open ${method}, seed 1`) }).click();
  await page.getByTestId(`tab-${view}`).click();
}

/** The row with the shortest text, which is the easiest to read in a picture. */
async function shortest(rows: Locator): Promise<Locator> {
  const lengths = (await rows.getByRole('rowheader').allInnerTexts()).map(({ length }) => length);
  return rows.nth(lengths.indexOf(Math.min(...lengths)));
}

/** Runs every method with every seed, one after another. */
async function fillTheQueue(page: Page): Promise<void> {
  await choose(page, { method: METHODS[0], trainExamples: 160, testExamples: 60, batchSize: 8 });
  await page.getByTestId('tab-queue').click();
  for (const method of METHODS) await page.getByTestId(`queue-method-${method}`).check();
  await page.getByTestId('queue-seeds').fill(SEEDS.join(', '));
  await page.getByTestId('queue-add').click();
  await page.getByTestId('queue-start').click();
  const finished = page.locator('[data-testid=queued-run][data-status=finished]');
  await expect(finished).toHaveCount(METHODS.length * SEEDS.length, { timeout: RUNS_TIMEOUT });
}

/** A picture as WebP, a fifth the size of the browser's PNG. */
async function asWebp(browser: Browser, png: Buffer): Promise<Buffer> {
  const page = await browser.newPage();
  try {
    const address = await page.evaluate(
      async ({ source, quality }) => {
        const image = new Image();
        image.src = source;
        await image.decode();
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.width, image.height];
        canvas.getContext('2d')?.drawImage(image, 0, 0);
        return canvas.toDataURL('image/webp', quality);
      },
      { source: `data:image/png;base64,${png.toString('base64')}`, quality: QUALITY },
    );
    return Buffer.from(address.split(',')[1], 'base64');
  } finally {
    await page.close();
  }
}

/** Takes a picture of the view of each tab. */
async function takePictures(browser: Browser, page: Page, folder: string): Promise<void> {
  for (const tab of await page.getByRole('tab').all()) {
    const view = (await tab.getAttribute('data-testid'))?.replace('tab-', '') ?? '';
    await tab.click();
    await expect(page.getByRole('tabpanel')).toBeVisible();
    await PREPARED[view]?.(page);
    // Wait for messages still to come from workers, and for charts, which the next frames draw.
    for (const pending of ['None yet', 'Loading…', 'Looking for files…'])
      await expect(page.getByText(pending)).toBeHidden();
    for (const notice of await page.locator('details[open] > summary', { hasText: 'warning' }).all())
      await notice.click();
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    await page.evaluate(() => document.querySelectorAll('*').forEach((element) => element.scrollTo(0, 0)));
    writeFileSync(`${folder}/${view}.webp`, await asWebp(browser, await page.screenshot()));
    console.log(`docs/pictures/${view}.webp`);
  }
}

await buildApp();
const folder = projectPath('docs', 'pictures');
mkdirSync(folder, { recursive: true });
const server = await preview({ root: projectRoot, preview: { port: 0, host: 'localhost' }, logLevel: 'error' });
const executablePath = requireBrowser();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });
  await openWorkbench(page, server.resolvedUrls?.local[0]);
  await fillTheQueue(page);
  await takePictures(browser, page, folder);
} finally {
  await browser.close();
  await server.close();
}
