import { expect, type Page, test } from '@playwright/test';
import { choose, downloadResults, openWorkbench, start, startPaused, waitForStatus } from './support/workbench.ts';

const TINY = { method: 'seq-lora', trainExamples: 8, testExamples: 2, batchSize: 4 };

/** Every `round.json` in the browser's private file system: its path, and the run that wrote it. */
const roundFiles = (page: Page): Promise<{ path: string; run: string }[]> =>
  page.evaluate(async () => {
    const found: { path: string; run: string }[] = [];
    const walk = async (folder: FileSystemDirectoryHandle, above: string): Promise<void> => {
      for await (const [name, handle] of folder.entries()) {
        if (handle instanceof FileSystemDirectoryHandle) await walk(handle, `${above}${name}/`);
        else if (name === 'round.json' && handle instanceof FileSystemFileHandle) {
          const state = JSON.parse(await (await handle.getFile()).text()) as { results: { id: string } };
          found.push({ path: above + name, run: state.results.id });
        }
      }
    };
    await walk(await navigator.storage.getDirectory(), '');
    return found;
  });

/** Writes over the file at a path of {@link roundFiles}. */
const damage = (page: Page, path: string): Promise<void> =>
  page.evaluate(async (path) => {
    const parts = path.split('/');
    let folder = await navigator.storage.getDirectory();
    for (const part of parts.slice(0, -1)) folder = await folder.getDirectoryHandle(part);
    const writable = await (await folder.getFileHandle(parts.at(-1) ?? '')).createWritable();
    await writable.write('{');
    await writable.close();
  }, path);

test('two tabs that train at once store their rounds separately, and a damaged round does not hide others @slow', async ({
  page,
  context,
}) => {
  test.setTimeout(300_000);
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await openWorkbench(tab);
    await choose(tab, TINY);
    await tab.getByTestId('tab-results').click();
    await tab.getByTestId('store-every-task').check();
  }
  await Promise.all([start(page), start(other)]);
  await Promise.all([waitForStatus(page, 'finished'), waitForStatus(other, 'finished')]);
  for (const tab of [page, other]) await expect(tab.getByTestId('warnings')).toHaveCount(0);

  const files = await roundFiles(page);
  expect(files.length).toBeGreaterThan(0);
  for (const folder of new Set(files.map(({ path }) => path.split('/')[1]))) {
    const rounds = files.filter(({ path }) => path.split('/')[1] === folder);
    expect(new Set(rounds.map(({ run }) => run)).size, `rounds of one run in ${folder}`).toBe(1);
    expect(rounds.map(({ path }) => path.split('/').at(-2)).toSorted()).toEqual(['1-gloss', '2-field']);
  }

  await test.step('a damaged model is named, and the one before it is used', async () => {
    for (const { path } of files) if (path.includes('2-field')) await damage(page, path);
    await page.reload();
    await page.getByTestId('tab-results').click();
    await expect(page.getByTestId('broken-rounds')).toContainText('2-field');
    await expect(page.getByTestId('kept-rounds')).toContainText('1-gloss');
    await expect(page.getByTestId('model-line')).toHaveText(/→ glossTeach it something more$/);
  });
});

test('another run takes nothing from a stopped one: neither its checkpoint nor its model nor its place in the history', async ({
  page,
}, testInfo) => {
  test.setTimeout(300_000);
  await openWorkbench(page);
  await choose(page, TINY);
  await startPaused(page);
  await page.getByTestId('stop').click();
  await waitForStatus(page, 'stopped');
  const resume = page.getByTestId('resume-from-checkpoint');
  const offer = await resume.innerText();
  await page.getByTestId('tab-results').click();
  const stopped = testInfo.outputPath('stopped.json');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download-results').click()]);
  await download.saveAs(stopped);

  for (const models of [1, 2]) {
    await start(page);
    await waitForStatus(page, 'finished');
    await expect(resume).toHaveText(offer.replace('Resume', 'Resume the other run'));
    await page.getByTestId('tab-models').click();
    await expect(page.getByTestId('taught-model')).toHaveCount(2 * models);
  }
  const list = page.getByTestId('taught-models');
  await list.getByRole('button', { name: 'Use gloss, field' }).click();
  await expect(list.getByRole('button', { name: 'Use gloss, field' })).toHaveCount(1);
  await list.getByRole('button', { name: 'Remove… the model gloss, field' }).first().click();
  await list.getByRole('button', { name: /^Remove for good, which frees/ }).click();
  await expect(page.getByTestId('taught-model')).toHaveCount(3);

  await resume.click();
  await waitForStatus(page, 'finished');
  await page.getByTestId('tab-compare').click();
  await page.getByTestId('take-results').setInputFiles(stopped);
  await page.getByTestId('tab-results').click();
  const rows = page.getByTestId('history').locator('tbody tr');
  await expect(rows).toHaveCount(4);
  await expect(rows.filter({ hasText: 'added file' })).toHaveCount(1);
  await page.reload();
  await page.getByTestId('tab-results').click();
  await expect(rows).toHaveCount(4);
  await expect(rows.filter({ hasText: 'stopped' })).toHaveCount(1);
});

test('a run stops with its model, and the page opens again as it was left', async ({ page }) => {
  test.setTimeout(300_000);
  await openWorkbench(page);
  await choose(page, { ...TINY, leaveOut: ['field'] });
  await startPaused(page);
  const label = page.getByTestId('run-label');
  await label.locator('summary').click();
  await label.getByTestId('run-name').fill('a try');
  await label.getByTestId('run-name').press('Enter');
  await expect(label.locator('summary'), 'also during a run').toHaveText('Name and notes');
  await page.getByTestId('stop-and-keep').click();
  await waitForStatus(page, 'stopped');
  await expect(page.getByTestId('story')).toContainText('gloss');
  await expect(page.getByTestId('status')).toContainText('a try');
  await label.getByTestId('run-name').fill('first try');
  await label.getByTestId('run-name').press('Enter');
  await expect(page.getByTestId('status')).toContainText('first try');

  await page.reload();
  await expect(page.getByTestId('status')).toHaveAttribute('data-status', 'stopped');
  await expect(page.getByTestId('status')).toContainText('first try');
  await expect(page.getByTestId('method-select')).toHaveValue('seq-lora');
  await expect(page.getByTestId('resume-from-checkpoint')).toBeVisible();
  await page.getByTestId('tab-results').click();
  await expect(page.getByTestId('kept-rounds')).toContainText('1-gloss');
  await expect(page.getByTestId('download-merged')).toBeEnabled();
  expect((await downloadResults(page)).results).toMatchObject({
    name: 'first try',
    cutShort: [{ round: 1, steps: 1, planned: 2 }],
  });

  await page.getByTestId('resume-from-checkpoint').click();
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect([results.name, results.curves.step.length, results.cutShort]).toEqual(['first try', 2, undefined]);

  await test.step('a model larger than the whole budget stays, and the page says so', async () => {
    expect(await page.evaluate(growRound, 2 ** 30)).toBe(true);
    await page.reload();
    await page.getByTestId('tab-models').click();
    await page.getByTestId('model-budget').selectOption('1');
    await expect(page.getByTestId('budget-too-small')).toContainText('takes more than 1 GiB. It stays');
    await expect(page.getByTestId('over-budget'), 'nothing is offered for removal').toBeHidden();
    await expect(page.getByTestId('taught-model')).toContainText(/gloss.*in use.*first try/);
  });
});

/** Runs in the page: adds a file of a size to a saved round, which takes no room as long as nothing is written. */
async function growRound(bytes: number): Promise<boolean> {
  const grow = async (folder: FileSystemDirectoryHandle): Promise<boolean> => {
    for await (const [name, handle] of folder.entries()) {
      if (handle instanceof FileSystemDirectoryHandle && (await grow(handle))) return true;
      if (name !== 'round.json') continue;
      const file = await folder.getFileHandle('large', { create: true });
      const writable = await file.createWritable();
      await writable.truncate(bytes);
      await writable.close();
      return true;
    }
    return false;
  };
  return grow(await navigator.storage.getDirectory());
}
