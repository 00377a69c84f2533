import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { dropFromDisk } from './support/drop.ts';
import { longestTask } from './support/probe.ts';
import { choose, downloadResults, openWorkbench, start, waitForStatus } from './support/workbench.ts';

const MARKUP = '<img src=x onerror="document.title=1">';
const ODD = ['\u202ereversed', 'bell \u0007 sound', MARKUP, 'x'.repeat(2 ** 20)];

/** A CSV of reviews, odd texts among them. */
const REVIEWS = [
  'text,label',
  ...ODD.map((text) => `"${text.replaceAll('"', '""')}",good`),
  ...Array.from({ length: 8 }, (_, i) => `"fine, text ${i}",good`),
  ...Array.from({ length: 8 }, (_, i) => `poor text ${i},bad`),
  'three,cells,here',
  'a slip of the pen,goood',
  'a single row,odd one',
].join('\n');

const csv = (name: string, content: string) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
const sources = (page: Page) => page.getByRole('button', { name: 'Custom tasks, benchmarks, order files' });
const order = (page: Page): Promise<string[]> =>
  page.getByTestId('task-order').locator('[data-task]').evaluateAll((items) => items.map((item) => item.getAttribute('data-task') ?? '')); // oxfmt-ignore

/** Sixteen rows that pyarrow packed with Zstandard. */
const ZSTANDARD = [
  'UEFSMRUEFeADFaIBTBUgFQASAAAotS/9IPBFAgBkAgsAAABmaW5lIHRleHQgMDEyMzQ1NjcLAAAAcG9vcjAxMjM0NTY3DwBAFiAf',
  'kBmQBcgHZAakANgB+YDMgCxAPiAzIAsizzoVABUgFTIsFSAVEBUGFQYcAAAAKLUv/SAQgQAAAgAAACABBAUQMlR2mLrc/hUEFR4V',
  'MEwVBBUAEgAAKLUv/SAPeQAABAAAAGdvb2QDAAAAYmFkFQAVFhUoLBUgFRAVBhUGHAAAACi1L/0gC1kAAAIAAAAgAQEQABABFQQZ',
  'PDUAGAZzY2hlbWEVBAAVDCUCGAR0ZXh0JQBMHAAAABUMJQIYBWxhYmVsJQBMHAAAABYgGRwZLCYAHBUMGTUABhAZGAR0ZXh0FQwW',
  'IBbGBBaaAibKASYIKSwVBBUAFQIAFQAVEBUCADwW4AIZBhkmACAAAAAmABwVDBk1AAYQGRgFbGFiZWwVDBYgFnYWmgEm7gImogIp',
  'LBUEFQAVAgAVABUQFQIAPBZwGQYZJgAgAAAAFrwFFiAmCBa0AwAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGSwc',
  'AAAcAAAA6gAAAFBBUjE=',
].join('');

test('a file becomes a task that survives a reload, is learned with embedded ones, and loads with its order file', async ({
  page,
}) => {
  await openWorkbench(page);
  await choose(page, { method: 'seq-lora', leaveOut: ['field'], trainExamples: 6, testExamples: 2, batchSize: 2 });
  await sources(page).click();
  const add = page.getByLabel('Add a file…');

  await test.step('a file that cannot become a task changes nothing and says what to do', async () => {
    await add.setInputFiles(csv('one.csv', 'text\na\nb\n'));
    await expect(page.getByTestId('task-problem')).toContainText(/one column.*What to do: \S+/s);
    await expect(page.getByTestId('import-dialog')).toHaveCount(0);
    expect(await order(page)).toEqual(['gloss']);
  });

  await test.step('Parquet with Zstandard is read under the policy of the page', async () => {
    await add.setInputFiles({
      name: 'packed.parquet',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(ZSTANDARD, 'base64'),
    });
    await expect(page.getByTestId('import-preview')).toContainText('fine text 0');
    await expect(page.getByTestId('task-problem')).toHaveCount(0);
    await page.getByTestId('import-dialog').getByRole('button', { name: 'Cancel' }).click();
    await expect(page.getByTestId('import-dialog')).toHaveCount(0);
  });

  await test.step('rows, labels and oddities are shown, and no markup in them takes effect', async () => {
    await add.setInputFiles(csv('reviews.csv', REVIEWS));
    const dialog = page.getByTestId('import-dialog');
    await expect(dialog).toBeVisible();
    await expect(page.getByTestId('task-problem')).toHaveCount(0);
    const preview = page.getByTestId('import-preview');
    await expect(preview.locator('tbody tr')).toHaveCount(10);
    await expect(preview).toContainText(MARKUP);
    await expect(preview).toContainText('[U+202E]reversed');
    await expect(preview).toContainText('[U+0007]');
    expect((await preview.innerText()).length, 'a megabyte is cut').toBeLessThan(3000);
    await expect(preview.locator('img')).toHaveCount(0);
    const labels = page.getByTestId('import-labels').locator('li');
    await expect(labels).toHaveText(['bad 8', 'good 12', 'goood 1', 'odd one 1']);
    await expect(dialog, 'said before the task is added').toContainText('Too few texts to test “goood”, “odd one”.');
    const doubts = page.getByTestId('import-doubts').locator('li > span');
    await expect(doubts).toHaveText([
      'goood: 1 row. Did you mean good?',
      'odd one: 1 row, too few texts to train and test.',
    ]);
    await dialog.getByRole('button', { name: 'Merge into good' }).click();
    await dialog.getByRole('button', { name: 'Leave out odd one' }).click();
    await expect(labels).toHaveText(['bad 8', 'good 13']);
    await expect(doubts).toHaveText(['goood is read as good.', 'odd one is left out.']);
    await expect(dialog).toContainText('line 22');
    await dialog.getByLabel('Name', { exact: true }).fill('gloss');
    await expect(dialog.getByRole('button', { name: 'Add task' })).toBeDisabled();
    await dialog.getByLabel('Name', { exact: true }).fill('reviews');
    await dialog.getByLabel('Kind').fill('SC');
    await dialog.getByRole('button', { name: 'Add task' }).click();
    await expect(dialog).toHaveCount(0);
    expect(await order(page)).toEqual(['gloss', 'reviews']);
    expect(await page.title()).not.toBe('1');
    // The form moves while the lines above it change.
    const facts = page.getByTestId('start-facts');
    await expect(facts).toContainText('answers of up to 2');
    await expect(facts).toHaveAttribute('data-status', 'counted');
  });

  await test.step('the order is changed by dragging', async () => {
    await page.locator('[data-task=reviews]').dragTo(page.locator('[data-task=gloss]'));
    expect(await order(page)).toEqual(['reviews', 'gloss']);
  });

  const saved = await test.step('the order is saved, without texts', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save order' }).click(),
    ]);
    const text = await readFile(await download.path(), 'utf8');
    expect(text).toContain('"reviews.csv"');
    expect(text).not.toContain('poor text');
    return { name: download.suggestedFilename(), mimeType: 'application/json', buffer: Buffer.from(text) };
  });

  await test.step('a run learns both; its results hold names and counts only', async () => {
    await start(page);
    await waitForStatus(page, 'finished');
    const { results } = await downloadResults(page);
    expect(results.settings.order).toEqual(['reviews', 'gloss']);
    expect(results.tasks[0]).toMatchObject({ name: 'reviews', kind: 'SC', labels: ['bad', 'good'], trainExamples: 6 });
    expect(JSON.stringify(results)).not.toContain('poor text');
  });

  const load = page.getByLabel('Load order…');
  await test.step('the task survives a reload; once deleted, the order file and its data restore it', async () => {
    await page.reload();
    await expect(page.getByTestId('custom-tasks')).toContainText('reviews');
    await page.getByLabel('Remove… the custom task reviews').click();
    await page.getByLabel('Remove for good the custom task reviews').click();
    await expect(page.getByTestId('custom-tasks')).toHaveCount(0);
    const before = await order(page);
    await load.setInputFiles(saved);
    await expect(page.getByTestId('task-problem')).toContainText('reviews.csv');
    expect(await order(page)).toEqual(before);
    await load.setInputFiles([csv('renamed.csv', REVIEWS), saved]);
    await expect(page.getByTestId('custom-tasks')).toContainText('reviews');
    expect(await order(page)).toEqual(['reviews', 'gloss']);
    await expect(page.getByTestId('method-select')).toHaveValue('seq-lora');
  });
});

test('answers are shown after a run beside the right ones, with the words that differ marked', async ({ page }) => {
  await openWorkbench(page);
  await choose(page, { method: 'seq-lora', leaveOut: ['field'], trainExamples: 6, testExamples: 2, batchSize: 2 });
  await sources(page).click();
  const rows = Array.from({ length: 20 }, (_, i) => ({
    question: `What is thing ${i}?`,
    answer: `The thing ${i} there`,
  }));
  await page
    .getByLabel('Add a file…')

    .setInputFiles({ name: 'things.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(rows)) });
  await page.getByTestId('import-dialog').getByRole('button', { name: 'Add task' }).click();
  await expect(page.getByTestId('import-dialog')).toHaveCount(0);
  await page.getByLabel('Leave out gloss').click();
  await page.getByLabel('Add a task').selectOption('gloss');
  await start(page);
  await waitForStatus(page, 'finished');

  const answers = page.getByTestId('run-answers');
  const examples = answers.getByTestId('example');
  await expect(answers.getByTestId('examples-task')).toHaveValue('things');
  await expect(examples, 'free answers need no click').toHaveCount(2);
  const [right, , last] = await examples.first().locator('td').all();
  const words = async (cell: typeof right): Promise<string[]> =>
    (await cell.locator('mark').allInnerTexts()).join(' ').split(/\W+/);
  const written = (await last.locator('[data-written]').innerText()).toLowerCase();
  for (const word of await words(right)) expect(written.split(/\W+/)).not.toContain(word.toLowerCase());
  await expect(right).toContainText('The thing');
  await answers.getByTestId('examples-task').selectOption('gloss');
  await expect(examples.first().getByRole('rowheader')).not.toContainText('thing');
  await expect(answers.locator('td mark'), 'labels are right or wrong as a whole').toHaveCount(0);

  await answers.getByTestId('examples-task').selectOption('things');
  const text = await examples.first().getByRole('rowheader').innerText();
  await examples.first().getByTestId('example-ask').click();
  await expect(page.getByTestId('try-text')).toHaveValue(text);
});

test('a published order fills in its settings, and reads a folder from disk', async ({ page }, info) => {
  await openWorkbench(page);
  const value = (name: string) => page.locator(`[data-setting="${name}"]`);
  await page.getByTestId('method-select').selectOption('gorp');
  await page.getByTestId('order-select').selectOption('5');
  expect(await order(page)).toHaveLength(15);
  await expect(value('method.learningRate')).toHaveValue('0.001');
  await expect(value('training.epochs')).toHaveValue('1');
  await expect(value('perTask.MNLI.epochs')).toHaveValue('2');
  await page.getByTestId('method-select').selectOption('seq-lora');
  await expect(page.getByTestId('order-select')).toHaveValue('5');
  await start(page);
  await expect(page.getByTestId('error-panel')).toContainText('CL_Benchmark');

  const folder = page.getByLabel('Choose the folder…');
  const root = info.outputPath('benchmark');
  const write = async (path: string, content: unknown): Promise<void> => {
    await mkdir(dirname(`${root}/${path}`), { recursive: true });
    await writeFile(`${root}/${path}`, JSON.stringify(content));
  };
  for (const name of ['agnews', 'yahoo']) {
    const rows = ['a', 'b', '-'].map((label) => ({ label, sentence: `${name} of ${label}` }));
    await write(`CL_Benchmark/TC/${name}/labels.json`, ['a', 'b']);
    for (const split of ['train', 'dev', 'test']) await write(`CL_Benchmark/TC/${name}/${split}.json`, rows);
  }
  await test.step('a folder without its configuration is refused', async () => {
    await folder.setInputFiles(root);
    await expect(page.getByTestId('task-problem')).toBeVisible();
    await expect(page.getByTestId('task-problem')).toContainText('instruction_config.json');
    await expect(page.getByTestId('picked-folder')).toHaveCount(0);
  });
  await write('configs/instruction_config.json', { TC: [{ instruction: 'Which?\n' }] });
  await folder.setInputFiles(root);
  await expect(page.getByTestId('picked-folder')).toContainText('2 tasks');
  await expect(page.getByTestId('task-field')).toContainText('MNLI');
  for (const name of await order(page)) {
    if (name !== 'agnews') await page.getByLabel(`Leave out ${name}`).click();
  }
  await page.locator('[data-setting="training.trainExamples"]').fill('2');
  await start(page);
  await expect(page.getByTestId('warnings')).toContainText('agnews: 1 row of the train set is left out');
  await waitForStatus(page, 'finished');
});

test('an order is changed by the keyboard, and a dropped folder is read completely', async ({ page }, info) => {
  await openWorkbench(page);
  await test.step('the focus moves with a task', async () => {
    const before = await order(page);
    const later = page.getByLabel(`Learn ${before[0]} later`);
    await later.focus();
    await page.keyboard.press('Enter');
    await expect(later).toBeFocused();
    await page.keyboard.press('Enter');
    expect(await order(page)).toEqual([before[1], before[2], before[0], before[3]]);
  });

  const root = info.outputPath('dropped');
  const write = async (path: string, content: unknown): Promise<void> => {
    await mkdir(dirname(`${root}/${path}`), { recursive: true });
    await writeFile(`${root}/${path}`, JSON.stringify(content));
  };
  const rows = ['a', 'b'].map((label) => ({ label, sentence: label }));
  for (const split of ['train', 'dev', 'test']) await write(`CL_Benchmark/TC/agnews/${split}.json`, rows);
  // The browser lists a folder in batches of a hundred; the file needed comes after the first.
  for (let i = 0; i < 250; i++) await write(`CL_Benchmark/TC/agnews/a${i}.json`, 0);
  await dropFromDisk(page.getByTestId('task-order'), root);
  await expect(page.getByTestId('drop-problem'), 'the error is in sight').toBeVisible();
  await expect(page.getByTestId('drop-problem')).toContainText('instruction_config.json');
  await write('configs/instruction_config.json', { TC: [{ instruction: 'Which?\n' }] });
  await write('CL_Benchmark/TC/agnews/labels.json', ['a', 'b']);
  await dropFromDisk(page.getByTestId('task-order'), root);
  await expect(page.getByTestId('picked-folder')).toContainText('dropped');
  await expect(page.getByTestId('picked-folder')).toContainText('1 task');
});

test('the orders of SuperNI and TRACE are chosen, queued and learned from their folders @slow', async ({
  page,
}, info) => {
  const write = async (path: string, content: unknown): Promise<void> => {
    await mkdir(dirname(info.outputPath(path)), { recursive: true });
    await writeFile(info.outputPath(path), JSON.stringify(content));
  };
  for (const split of ['train', 'dev', 'test']) {
    const Instances = ['a', 'b', 'c'].map((input) => ({ input, output: [`${split} ${input}`, input] }));
    await write(`superni/SuperNI/task363_sst2_polarity_classification/${split}.json`, {
      Definition: ['Repeat.'],
      Instances,
    });
  }
  const rows = ['A', 'B'].map((answer) => ({ prompt: `Say ${answer}.`, answer }));
  for (const split of ['train', 'eval', 'test']) await write(`trace/LLM-CL-Benchmark_5000/FOMC/${split}.json`, rows);
  await openWorkbench(page);
  const learnOnly = async (task: string): Promise<void> => {
    for (const name of await order(page))
      if (name !== task) await page.getByLabel(`Leave out ${name}`, { exact: true }).click();
    for (const [name, value] of [
      ['epochs', '1'],
      ['trainExamples', '2'],
    ]) {
      await page.locator(`[data-setting="training.${name}"]`).fill(value);
    }
    await start(page);
    await waitForStatus(page, 'finished');
  };
  await page.getByTestId('method-select').selectOption('seq-lora');
  await page.getByTestId('order-select').selectOption('superni-1');
  await expect(page.locator('[data-setting="method.loraRank"]')).toHaveValue('4');
  await start(page);
  await expect(page.getByTestId('error-panel')).toContainText('folder of SuperNI');
  await page.getByTestId('tab-queue').click();
  await expect(page.getByText('Published order superni-2')).toBeVisible();
  await page.getByLabel('Choose the folder…').setInputFiles(info.outputPath('superni'));
  await expect(page.getByTestId('picked-folder')).toContainText('1 task');
  await learnOnly('task363');
  await page.getByTestId('tab-run').click();
  await expect(page.getByTestId('run-answers')).toContainText('or a');

  await page.getByTestId('order-select').selectOption('trace');
  await expect(page.locator('[data-setting="perTask.MeetingBank.epochs"]')).toHaveValue('7');
  await dropFromDisk(page.getByTestId('task-order'), info.outputPath('trace'));
  await expect(page.getByTestId('picked-folder')).toContainText('trace');
  await learnOnly('FOMC');
  await expect(page.getByTestId('r-matrix')).toContainText('FOMC');
});

test('the page stays responsive while a large file is read and becomes a task', async ({ page }, info) => {
  const file = info.outputPath('large.csv');
  await mkdir(dirname(file), { recursive: true });
  const row = (i: number): string => `"text ${i} ${'and so on, '.repeat(20)}",${i % 2 === 0 ? 'good' : 'bad'}`;
  await writeFile(file, ['text,label', ...Array.from({ length: 80_000 }, (_, i) => row(i))].join('\n'));
  await openWorkbench(page);
  const { cpu } = await longestTask(page, async () => {
    await dropFromDisk(page.getByTestId('task-order'), file);
    const dialog = page.getByTestId('import-dialog');
    await expect(dialog).toContainText('80000 examples');
    await dialog.getByLabel('Text', { exact: true }).selectOption('label');
    await dialog.getByLabel('Text', { exact: true }).selectOption('text');
    await dialog.getByRole('button', { name: 'Add task' }).click();
    await expect(page.getByTestId('custom-tasks')).toContainText('64000 to train');
  });
  // On the page's own thread reading 20 MB takes more than a second.
  expect(cpu).toBeLessThan(300);
});

test('beside Start, the page says which texts would be cut, and reads them whole when asked', async ({ page }) => {
  await openWorkbench(page);
  await choose(page, {
    method: 'seq-lora',
    leaveOut: ['gloss', 'field'],
    trainExamples: 0,
    testExamples: 0,
    batchSize: 2,
  });
  await sources(page).click();
  const words = (count: number): string => Array.from({ length: count }, (_, i) => `word${i}`).join(' ');
  const rows = Array.from({ length: 20 }, (_, i) => `${i} ${words(i < 3 ? 200 : 5)},${i % 2 === 0 ? 'good' : 'bad'}`);
  await page
    .getByLabel('Add a file…')

    .setInputFiles(csv('long.csv', ['text,label', ...rows].join('\n')));
  await page.getByTestId('import-dialog').getByRole('button', { name: 'Add task' }).click();
  const facts = page.getByTestId('start-facts');
  await expect(facts).toContainText('3 of 20 texts of long would be cut.');
  await expect(facts).toContainText('Prompts of up to 96 tokens');
  await facts.getByRole('button', { name: /^Raise the prompt length to \d+$/ }).click();
  await expect(facts).not.toContainText('would be cut');
  await expect(facts).not.toContainText('up to 96 tokens');
});

test('a text of one’s own takes the place of the included general text, also in an order file', async ({ page }) => {
  await openWorkbench(page);
  await choose(page, {
    method: 'seq-lora',
    leaveOut: ['field'],
    trainExamples: 4,
    testExamples: 2,
    batchSize: 2,
    generalText: true,
  });
  await sources(page).click();
  const line = 'The keeper of the harbor writes down every ship that comes in, and the hour at which it leaves. ';
  await page
    .getByLabel('Add a file…')

    .setInputFiles({ name: 'harbor.txt', mimeType: 'text/plain', buffer: Buffer.from(line.repeat(60)) });
  await page.getByTestId('import-dialog').getByRole('button', { name: 'Add task' }).click();
  const watched = page.getByTestId('task-watch');
  await expect(watched).toHaveText('general text×');
  const watch = page.getByLabel('Watch a task');
  await expect(watch.getByRole('option', { name: 'harbor' }), 'it is learned, so it cannot be').toHaveCount(0);
  await page.getByLabel('Leave out harbor').click();
  await watch.selectOption({ value: 'text:own:harbor' });
  await expect(watched).toContainText('harbor, as general text');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save order' }).click(),
  ]);
  const saved = await readFile(await download.path(), 'utf8');
  expect(JSON.parse(saved)).toMatchObject({ training: { generalText: 'own:harbor' }, own: [{ name: 'harbor' }] });
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.probes?.generalText).toMatchObject({ name: 'own:harbor', objective: 'spans' });
  await page.getByTestId('tab-run').click();
  await expect(page.getByTestId('general-text-story')).toHaveText(/^It models general text /);
  await page.getByLabel('Do not measure general text').click();
  await expect(watched).toHaveCount(0);
});
