import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { unzipped } from '../src/weights/exports/unzip.ts';
import { dropFromDisk } from './support/drop.ts';
import { choose, downloadResults, openWorkbench, start, waitForStatus } from './support/workbench.ts';

/** Rows of a task whose answer is the animal or thing of the text. */
const rows = (one: string, other: string): string =>
  [
    'text,label',
    ...Array.from({ length: 12 }, (_, i) => `the ${[one, other][i % 2]} ${i},${[one, other][i % 2]}`),
  ].join('\n');

/** Adds a task from a file, under the name of the file. @param taught a task whose question it first asks too. */
async function addTask(page: Page, name: string, content: string, taught?: string): Promise<void> {
  const sources = page.getByRole('button', { name: 'Custom tasks, benchmarks, order files' });
  if ((await sources.getAttribute('aria-expanded')) === 'false') await sources.click();
  const buffer = Buffer.from(content);
  await page.getByLabel('Add a file…').setInputFiles({ name: `${name}.csv`, mimeType: 'text/csv', buffer });
  const dialog = page.getByTestId('import-dialog');
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  if (taught !== undefined) {
    await dialog.getByLabel('Question').fill(`Which word of ${taught} is it?`);
    await expect(dialog.getByTestId('question-doubt')).toContainText(`the question of ${taught}, but has other labels`);
  }
  await dialog.getByLabel('Question').fill(`Which word of ${name} is it?`);
  await expect(dialog.getByTestId('question-doubt')).toHaveCount(0);
  await dialog.getByRole('button', { name: 'Add task' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.locator(`[data-testid=task-order] [data-task="${name}"]`)).toHaveCount(1);
}

/** Saves the model to share. @returns the file, its name, and its manifest. */
async function shared(page: Page): Promise<{ path: string; name: string; manifest: string }> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('share-model').click()]);
  const path = `${await download.path()}.zip`;
  await copyFile(await download.path(), path);
  const inside = await unzipped(new Blob([await readFile(path)]));
  const manifest = await inside.find((file) => file.path === 'round.json')?.open();
  return { path, name: download.suggestedFilename(), manifest: (await manifest?.text()) ?? '' };
}

test('a model is taught more later, in another browser window and without its old files, and goes back', async ({
  playwright,
  launchOptions,
  baseURL,
}, testInfo) => {
  test.setTimeout(300_000);
  const open = async (profile = 'profile'): Promise<{ context: BrowserContext; page: Page }> => {
    const context = await playwright.chromium.launchPersistentContext(testInfo.outputPath(profile), {
      ...launchOptions,
      baseURL: baseURL ?? '',
    });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
    await openWorkbench(page);
    return { context, page };
  };
  const first = await open();
  let { page } = first;
  await choose(page, { leaveOut: ['gloss', 'field'], trainExamples: 8, testExamples: 4, batchSize: 4 });
  await page.getByLabel('Embedded small LLaMA').check();
  await addTask(page, 'mails', rows('bill', 'fault'));
  await start(page);
  await waitForStatus(page, 'finished');
  const { results: mails } = await downloadResults(page);
  await first.context.close();

  const later = await open();
  try {
    ({ page } = later);
    const order = page.getByTestId('task-order').locator('[data-task]');
    await test.step('the next task is taught without the files of the first', async () => {
      await page.getByRole('button', { name: 'Remove… the custom task mails' }).click();
      await page.getByRole('button', { name: 'Remove for good the custom task mails' }).click();
      await page.getByTestId('teach-more').click();
      const known = page.getByTestId('teaches');
      await expect(known.getByTestId('lessons').locator('li')).toHaveText([
        /^mails .*“Which word of mails is it\?” bill, fault.*2 tests stay with the model/,
      ]);
      await expect(order).toHaveCount(0);
      await expect(page.getByTestId('start')).toHaveText('Teach');
      await addTask(page, 'pets', rows('cat', 'dog'), 'mails');
      await start(page);
      await waitForStatus(page, 'finished');
    });
    const { results: pets } = await downloadResults(page);
    expect(pets.settings.order).toEqual(['mails', 'pets']);
    await expect(page.getByTestId('teaches').locator('li'), 'what came out is taught next').toHaveText([
      /^mails /,
      /^pets /,
    ]);
    expect(pets.curves.loss.slice(0, mails.curves.loss.length)).toEqual(mails.curves.loss);
    expect(pets.accuracy.exact.slice(0, 2).map(([one]) => one)).toEqual(mails.accuracy.exact.map(([one]) => one));
    expect(pets.accuracy.exact[2]).toEqual([expect.any(Number), expect.any(Number)]);
    expect(pets.seconds - (pets.taughtBefore?.seconds ?? 0)).toBeLessThan(
      (Date.now() - Date.parse(pets.startedAt)) / 1000,
    );
    await expect(page.getByTestId('model-line')).toContainText('mails Go back to after mails → pets');

    await test.step('one file for a colleague holds no texts unless asked, and shows what the model was taught', async () => {
      const bare = await shared(page);
      expect(bare.name).toBe('mails-pets.zip');
      expect(bare.manifest).not.toContain('the bill 0');
      await page.getByTestId('share-tests').check();
      const whole = await shared(page);
      expect(whole.manifest).toMatch(/the (bill|fault) \d/);
      const other = await open('colleague');
      try {
        await dropFromDisk(other.page.locator('body'), whole.path);
        const theirs = other.page.getByTestId('taught-model');
        await expect(theirs).toHaveAttribute('aria-label', 'mails, pets');
        await expect(theirs.getByTestId('lessons').locator('li')).toHaveText([/^mails /, /^pets /]);
        const cut = testInfo.outputPath('cut.zip');
        await writeFile(cut, (await readFile(whole.path)).subarray(0, 40_000));
        await dropFromDisk(other.page.locator('body'), cut);
        await expect(other.page.getByTestId('drop-problem')).toContainText('run/bad-zip');
        await expect(theirs).toHaveCount(1);
        await other.page.getByRole('button', { name: 'Teach mails, pets something more' }).click();
        await expect(other.page.getByRole('heading', { name: 'The model knows 2 tasks' })).toBeFocused();
        await addTask(other.page, 'notes', rows('tune', 'word'));
        await start(other.page);
        await waitForStatus(other.page, 'finished');
        await expect(other.page.getByRole('heading', { name: 'The model knows 3 tasks' })).toBeVisible();
        await expect(other.page.getByTestId('start'), 'the focus is not taken').toBeFocused();
        const { results } = await downloadResults(other.page);
        expect(results.settings.order).toEqual(['mails', 'pets', 'notes']);
        expect(results.accuracy.exact[2]).toEqual([...pets.accuracy.exact[2], expect.anything()]);
      } finally {
        await other.context.close();
      }
    });

    await test.step('another branch grows from the first model, whose tests are then not asked', async () => {
      await page.getByTestId('tab-models').click();
      const taught = page.getByTestId('taught-model');
      await expect(taught).toHaveCount(2);
      await taught.getByRole('button', { name: 'Go back to after mails' }).click();
      await expect(taught.filter({ hasText: 'in use' })).toHaveAttribute('aria-label', 'mails');
      await page.getByRole('button', { name: 'Teach mails something more' }).click();
      await expect(order).toHaveCount(0);
      await addTask(page, 'notes', rows('tune', 'word'));
      await page.getByTestId('keep-tests').uncheck();
      await start(page);
      await waitForStatus(page, 'finished');
    });
    const { results: notes } = await downloadResults(page);
    expect(notes.settings.order).toEqual(['mails', 'notes']);
    expect(notes.accuracy.exact[1][0]).toBe(mails.accuracy.exact[1][0]);
    expect(notes.accuracy.exact[2]).toEqual([expect.any(Number), expect.any(Number)]);

    await test.step('removing the first asks, frees it, and takes nothing from the others', async () => {
      await page.getByTestId('tab-models').click();
      const taught = page.getByTestId('taught-model');
      await expect(taught).toHaveCount(3);
      await page.getByRole('button', { name: 'Remove… the model mails', exact: true }).click();
      await page.getByRole('button', { name: /^Remove for good, which frees [\d.]+ [KM]iB the model mails$/ }).click();
      await expect(taught).toHaveCount(2);
      await page.getByRole('button', { name: 'Teach mails, notes something more' }).click();
      await expect(page.getByTestId('teaches').locator('li').last()).toContainText('its tests are not with the model');
      await addTask(page, 'more', rows('sun', 'rain'));
      await start(page);
      await waitForStatus(page, 'finished');
      const { results } = await downloadResults(page);
      expect(results.accuracy.exact[3]).toEqual([expect.any(Number), null, expect.any(Number)]);
    });

    await test.step('the answers after each lesson are side by side', async () => {
      await page.getByTestId('tab-run').click();
      await expect(page.getByTestId('cell-3-1')).toHaveAttribute('aria-label', /not tested/);
      await page.getByTestId('show-answers').click();
      await expect(page.getByTestId('run-answers')).toContainText('after mails');
    });
  } finally {
    await later.context.close();
  }
});
