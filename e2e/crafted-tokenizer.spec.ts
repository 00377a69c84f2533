import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { SILENCE_MS } from '../src/run/events/events.ts';
import { choose, expectNoWorkers, openWorkbench, shownError, start, waitForStatus } from './support/workbench.ts';

const TINY = { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 2 };

/** Longest time that the page counts texts, in milliseconds. */
const COUNTING_MS = 30_000;

/** Chooses a copy of the embedded model whose tokenizer splits texts at a given regular expression. */
async function chooseCrafted(page: Page, folder: string, pattern: string): Promise<void> {
  await cp(join('public', 'embedded', 'model'), folder, { recursive: true });
  const path = join(folder, 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(path, 'utf8')) as { pre_tokenizer: unknown };
  const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
  tokenizer.pre_tokenizer = { type: 'Sequence', pretokenizers: [split, tokenizer.pre_tokenizer] };
  await writeFile(path, JSON.stringify(tokenizer));
  await page.getByTestId('model-field').getByLabel('Files on this machine').check();
  await page.getByTestId('pick-model-folder').setInputFiles(folder);
  await expect(page.getByTestId('model-field')).toContainText(`${basename(folder)}: `);
}

test('a question is stopped, with the reason, when its tokenizer never returns; Stop ends a run within seconds then @slow', async ({
  page,
}, testInfo) => {
  // The page's clock, which the test sets ahead in place of waiting.
  await page.clock.install();
  await openWorkbench(page);
  await choose(page, TINY);
  await test.step('a question', async () => {
    // No text of the tasks has many of this letter in a row.
    await chooseCrafted(page, testInfo.outputPath('rarely'), '(q+)+~');
    await start(page);
    await waitForStatus(page, 'finished');
    await page.getByTestId('tab-try').click();
    await page.getByRole('radiogroup', { name: 'What to ask' }).getByText('Raw prompt').click();
    await page.getByTestId('try-text').fill('q'.repeat(60));
    await page.getByTestId('try-ask').click();
    const problem = page.getByTestId('task-problem');
    await expect(async () => {
      await page.clock.runFor(1000);
      await expect(problem).toContainText('text/tokenizer-too-slow', { timeout: 100 });
    }).toPass({ timeout: 20_000, intervals: [0] });
    await expect(problem).toContainText('What to do: ');
    await expectNoWorkers(page);
  });
  await test.step('a run', async () => {
    await page.getByTestId('tab-run').click();
    // This matches any text in 2ⁿ ways, and fails each time for lack of a tilde.
    await chooseCrafted(page, testInfo.outputPath('always'), '([^~]+)+~');
    await start(page);
    // The texts are counted first, for at most half a minute.
    await expect(page.getByText('Reading the texts as the model will')).toBeVisible();
    await page.clock.runFor(COUNTING_MS + 1000);
    await expect(page.getByTestId('phase')).toHaveText(/^Tokenizing gloss/);
    await page.getByTestId('stop').click();
    await page.clock.runFor(SILENCE_MS + 2000);
    expect((await shownError(page)).code).toBe('worker/no-answer');
    await expect(page.getByTestId('start')).toBeEnabled();
    // A worker that counts texts beside Start ends by itself, after half a minute.
    await expect.poll(() => page.workers().filter((worker) => worker.url().includes('/train-'))).toEqual([]);
  });
});
