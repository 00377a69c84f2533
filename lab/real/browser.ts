import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium, expect, type Page } from '@playwright/test';
import { preview } from 'vite';
import {
  choose,
  downloadResults,
  lastStep,
  openWorkbench,
  start,
  waitForStatus,
  waitForStep,
} from '../../e2e/support/workbench.ts';
import { unzipped } from '../../e2e/support/downloads.ts';
import { ordersFolder, roundFolder } from '../../src/run/files/layout.ts';
import { projectRoot } from '../../tools/setup/process.ts';
import { requireBrowser } from '../../tools/test/browser.ts';
import { type Finished, PROMPT_LENGTH, type Training } from './command-line.ts';

const HOUR = 3_600_000;

/**
 * Trains the embedded tasks in Chromium on a model file from disk, reloads the page in the second round, resumes, and
 * saves the rounds as a person does.
 *
 * @param folder receives the unpacked rounds.
 */
export async function trainInChromium({ model, examples, tests }: Training, folder: string): Promise<Finished> {
  const executablePath = requireBrowser();
  const profile = await mkdtemp(join(tmpdir(), 'gorp-real-'));
  const server = await preview({ root: projectRoot, preview: { port: 0, host: 'localhost' }, logLevel: 'error' });
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: ['--no-sandbox'] });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(HOUR);
    // No dialog of the system: rounds are downloaded.
    await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
    page.on('dialog', (dialog) => void dialog.accept()); // the browser warns that the run would be lost
    await openWorkbench(page, server.resolvedUrls?.local[0] ?? '');
    await page.getByText(/^All settings of/).click();
    await choose(page, {
      method: 'gorp-plus',
      trainExamples: examples,
      testExamples: tests,
      batchSize: 4,
      sourceLength: PROMPT_LENGTH,
    });
    await pick(page, model);
    await start(page);
    const perRound = Math.ceil(examples / 4);
    await waitForStep(page, perRound + 2, HOUR);
    await page.getByTestId('pause').click();
    await waitForStatus(page, 'paused', HOUR); // a pause saves a checkpoint
    const paused = await lastStep(page);
    await page.reload();
    await pick(page, model);
    await page.getByTestId('resume-from-checkpoint').click();
    await waitForStatus(page, 'finished', HOUR);
    const { results } = await downloadResults(page);
    if (paused <= perRound) throw new Error('The run was not resumed in its second round.');
    await rm(folder, { recursive: true, force: true });
    for (const [name, bytes] of Object.entries(await unzipped(page, 'download-files'))) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), bytes);
    }
    const { order } = results.settings;
    const inOut = join(ordersFolder(order), roundFolder(order.length, order.at(-1) ?? ''));
    return { results, inOut, round: join(folder, inOut), out: folder };
  } finally {
    await context.close();
    await server.close();
    await rm(profile, { recursive: true, force: true });
  }
}

async function pick(page: Page, model: string): Promise<void> {
  await page.getByLabel('Files on this machine').check();
  await page.getByTestId('pick-model-files').setInputFiles(model);
  await expect(page.getByTestId('model-field'), 'it is checked first').toContainText('1 file,', { timeout: HOUR });
}
