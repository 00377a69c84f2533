import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { unzipSync } from 'fflate';
import { startLocalHub } from '../src/testing/local-hub.ts';
import { repositoryOf } from '../src/testing/model-repository.ts';
import { TINY_FAMILIES } from '../src/testing/tiny-families.ts';
import type { ModelFiles } from '../src/weights/model-folder.ts';
import { namelessControls, violations } from './support/access.ts';
import { dropFromDisk } from './support/drop.ts';
import { choose, expectNoWorkers, openWorkbench, start, startPaused, waitForStatus } from './support/workbench.ts';

const TINY = { method: 'seq-lora', trainExamples: 24, testExamples: 4, batchSize: 8 };

/** Answers to the newest question by round, once all have come. */
async function answers(page: Page): Promise<Map<number, string>> {
  const card = page.getByTestId('asked').first();
  await expect(page.getByTestId('try')).toHaveAttribute('data-status', 'open', { timeout: 120_000 });
  const found = new Map<number, string>();
  for (const answer of await card.getByTestId('answer').all()) {
    await expect(answer, await answer.innerText()).toHaveAttribute('data-status', 'answered');
    found.set(Number(await answer.getAttribute('data-round')), await answer.getByTestId('answer-text').innerText());
  }
  return found;
}

/** The answer that a cell in the list of examples shows. */
const written = (cell: Locator): Promise<string> => cell.locator('[data-written]').innerText();

test('a model is asked before training and after every round, on the page’s own runtime', async ({
  page,
  baseURL,
}, info) => {
  test.setTimeout(300_000);
  // Without this, downloads open a dialogue.
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await openWorkbench(page);
  await choose(page, TINY);
  await start(page);
  await waitForStatus(page, 'finished');
  expect(
    requests.filter((url) => /\/(ort|Try|try)[^/]*$/.test(url)),
    'nothing of it is loaded before its tab is opened',
  ).toEqual([]);

  let first = new Map<number, string>();
  let archive = Buffer.of();
  await test.step('the answers to an example are those that the rounds gave in their tests', async () => {
    await page.getByTestId('tab-try').click();
    await expect(page.getByTestId('try-source')).toContainText(
      'gloss, field, taught the embedded small T5 by seq-lora',
    );
    await page.getByTestId('examples-shown').selectOption('all');
    await expect(page.getByTestId('examples-count')).toHaveText('4 of 4 examples');
    const row = page.getByTestId('example').first();
    const [, before, after] = await row.locator('td').all();
    await row.getByTestId('example-ask').click();
    first = await answers(page);
    expect([...first.keys()]).toEqual([0, 1, 2]);
    expect([first.get(1), first.get(2)]).toEqual([await written(before), await written(after)]);
    await expect(page.getByTestId('try-memory')).toContainText('Computed on the CPU');
    const bars = page.getByTestId('answer').last().getByRole('list', { name: 'Probabilities' }).getByRole('listitem');
    await expect(bars.last()).toContainText('anything else');
  });

  await test.step('everything comes from this server, under the policy of the page', () => {
    expect(requests.some((url) => url.includes('ort-wasm-simd-threaded'))).toBe(true);
    expect(requests.filter((url) => !url.startsWith(baseURL ?? ''))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  await test.step('examples are filtered and searched', async () => {
    const sentence = await page.getByTestId('example').first().getByRole('rowheader').innerText();
    await page.getByTestId('examples-search').fill(sentence.toUpperCase());
    await expect(page.getByTestId('examples-count')).toHaveText('1 of 4 examples');
    await page.getByTestId('examples-search').fill('nothing like it');
    await expect(page.getByTestId('examples-count')).toHaveText('0 of 4 examples');
    await page.getByTestId('examples-search').fill('');
    expect(await namelessControls(page)).toEqual([]);
  });

  await test.step('they are compared with the answers of the model before training', async () => {
    await page.getByTestId('examples-from').selectOption('before training');
    await page.getByTestId('examples-ask-all').click();
    await expect(page.getByTestId('examples-untrained')).toBeHidden({ timeout: 60_000 });
    const cells = page.getByTestId('example').first().locator('td');
    expect(await written(cells.nth(1))).toBe(first.get(0));
    const [wrong, right] = [page.getByTestId('example').locator('td:nth-of-type(2)[data-right=false]'), 'turned-right'];
    const before = await wrong.count();
    await page.getByTestId('examples-shown').selectOption(right);
    await expect(wrong, 'only wrong answers turn right').toHaveCount(await page.getByTestId('example').count());
    expect(await wrong.count()).toBeLessThanOrEqual(before);
    await page.getByTestId('examples-shown').selectOption('all');
  });

  await test.step('fewer bits, a text of one’s own, a raw prompt, and one that is too long', async () => {
    await page.getByTestId('try-dtype').selectOption('q8');
    await page.getByTestId('try-text').fill('a small animal that barks');
    await page.getByRole('checkbox', { name: 'before training' }).uncheck();
    await page.getByTestId('try-ask').click();
    expect([...(await answers(page)).keys()]).toEqual([1, 2]);
    await expect(page.getByTestId('asked').first()).toContainText('8 bits');
    const models = page.getByRole('group', { name: 'Models to ask' });
    await models.getByRole('checkbox', { name: 'gloss' }).uncheck();

    await page.getByRole('radiogroup', { name: 'What to ask' }).getByText('Raw prompt').click();
    await page.getByTestId('try-text').fill('Name an animal.');
    await page.getByTestId('try-ask').click();
    expect([...(await answers(page)).keys()]).toEqual([2]);
    await page.getByTestId('try-text').fill('word '.repeat(2000));
    await page.getByTestId('try-ask').click();
    await expect(page.getByTestId('task-problem')).toContainText('text/prompt-too-long');
  });

  await test.step('a model larger than the memory limit is refused, with a form that fits', async () => {
    const taken = async (dtype: string): Promise<number> => {
      await page.getByTestId('try-dtype').selectOption(dtype);
      const [, size] = /One model at a time: ([\d.]+) MiB/.exec(await page.getByTestId('try-memory').innerText()) ?? [];
      return Number(size);
    };
    const between = ((await taken('f32')) + (await taken('q8'))) / 2;
    await page.getByTestId('tab-run').click();
    await page.getByTestId('memory-budget').fill(String(between / 2 ** 10));
    await expectNoWorkers(page);
    await page.getByTestId('tab-try').click();
    await page.getByTestId('try-dtype').selectOption('f32');
    await expect(page.getByTestId('try-memory')).toContainText('With 8 bits it fits.');
    await page.getByTestId('example-ask').first().click();
    await expect(page.getByTestId('task-problem')).toContainText('Choose 8 bits for the weights.');
    const before = await page.getByTestId('asked').count();
    await page.getByTestId('try-dtype').selectOption('q8');
    await page.getByTestId('example-ask').first().click();
    await expect(page.getByTestId('asked')).toHaveCount(before + 1);
    await expect(page.getByTestId('task-problem')).toBeHidden();
    await page.getByTestId('tab-run').click();
    await page.getByTestId('memory-budget').fill('');
  });

  await test.step('after a reload, rounds from their zip answer as those in the browser did', async () => {
    await page.reload();
    await page.getByTestId('tab-try').click();
    await expect(page.getByTestId('try-source')).toContainText('by seq-lora, in this browser');
    await page.getByTestId('tab-results').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download-files').click()]);
    await page.evaluate(async () =>
      (await navigator.storage.getDirectory()).removeEntry('rounds', { recursive: true }),
    );
    await page.getByTestId('tab-try').click();
    await expect(page.getByTestId('nothing-to-try')).toBeVisible();
    archive = await readFile(await download.path());
    await page
      .getByTestId('try-zip')
      .setInputFiles({ name: 'rounds.zip', mimeType: 'application/zip', buffer: archive });
    await expect(page.getByTestId('try-source')).toContainText('by seq-lora from');
    await page.getByTestId('examples-shown').selectOption('all');
    await page.getByRole('checkbox', { name: 'before training' }).uncheck();
    await page.getByTestId('example-ask').first().click();
    const known = [...first].filter(([round]) => round > 0);
    expect(await answers(page)).toEqual(new Map(known));
  });

  await test.step('a dropped folder of them is opened', async () => {
    const folder = info.outputPath('rounds');
    for (const [path, bytes] of Object.entries(unzipSync(new Uint8Array(archive)))) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    await dropFromDisk(page.getByTestId('ask'), folder);
    await expect(page.getByTestId('try-source')).toContainText('by seq-lora from rounds');
    await expect(page.getByTestId('example-ask').first()).toBeEnabled();
  });
});

test('a decoder-only model with chat prompts can be tried during a pause, but not once its base model is removed @slow', async ({
  page,
  context,
}) => {
  const hub = await startLocalHub();
  try {
    hub.push('tiny/chat', await repositoryOf(await chatModel()));
    await openWorkbench(page);
    await choose(page, { method: 'seq-lora', trainExamples: 8, testExamples: 2, batchSize: 4 });
    await page.getByText(/^All settings of/).click();
    await page.locator('[data-setting="training.promptForm"]').selectOption('chat');
    const field = page.getByTestId('model-field');
    await field.getByLabel('From the Hugging Face hub').check();
    await field.getByLabel('Repository or address').fill('tiny/chat');
    await field.getByText('Gated models and mirrors').click();
    await field.getByLabel('Hub', { exact: true }).fill(hub.endpoint);
    await page.locator('[data-setting="training.sourceLength"]').fill('96'); // the model reads few tokens
    await startPaused(page);
    await page.getByTestId('step-round').click();
    await expect(page.getByTestId('cell-1-1'), 'the first round is tested').not.toBeEmpty();
    await waitForStatus(page, 'paused');
    await expect(page.getByTestId('kept-questions')).toContainText(/of 60 (questions|asked)/);

    await page.getByTestId('tab-try').click();
    await expect(page.getByTestId('try-source')).toContainText('gloss, taught tiny/chat by seq-lora, in this browser');
    await page.getByTestId('examples-shown').selectOption('all');
    const row = page.getByTestId('example').first();
    await row.getByTestId('example-ask').click();
    expect((await answers(page)).get(1)).toBe(await written(row.locator('td').nth(2)));
    await page.getByRole('radiogroup', { name: 'What to ask' }).getByText('Raw prompt').click();
    await expect(page.getByTestId('try-text')).toHaveAttribute('placeholder', /chat template/);
    await page.getByTestId('try-text').fill('red ball');
    await page.getByTestId('try-ask').click();
    expect((await answers(page)).size).toBe(2);

    await page.getByRole('radiogroup', { name: 'What to ask' }).getByText('Conversation').click();
    await page.getByTestId('try-most').fill('4');
    for (const turn of ['red?', 'blue?']) {
      await page.getByTestId('try-text').fill(turn);
      await page.getByTestId('try-text').press('Enter');
      await expect(page.getByTestId('turn').last().locator('[data-status=answered]')).toHaveCount(2);
    }
    await expect(page.getByTestId('turn')).toHaveCount(2);
    await expect(page.getByTestId('turn').last().getByTestId('answer-cut').first()).toHaveText('Cut at 4 tokens.');
    expect(await namelessControls(page)).toEqual([]);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page, true), colorScheme).toEqual([]);
    }
  } finally {
    await hub.close();
  }
  const { origin } = new URL(page.url());
  await page.goto('about:blank');
  const client = await context.newCDPSession(page);
  await client.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' });
  await page.goto('/');
  await page.getByTestId('tab-try').click();
  await page.getByTestId('examples-shown').selectOption('all');
  await page.getByTestId('example-ask').first().click();
  const problem = page.getByTestId('task-problem');
  await expect(problem).toContainText('run/no-base-model');
  await expect(problem).toContainText('tiny/chat');
  await expect(page.getByTestId('try-ask'), 'another question may be asked').toHaveText('Ask');
});

test('a part of the page that fails to load leaves the rest usable', async ({ page }) => {
  await openWorkbench(page);
  await page.route('**/assets/TryTab-*', (route) => route.abort());
  await page.getByTestId('tab-try').click();
  await expect(page.getByTestId('part-missing')).toContainText('Check that the page’s server is running');
  await page.getByTestId('tab-run').click();
  await expect(page.getByTestId('start')).toBeEnabled();
});

/** A LLaMA with random weights, the embedded model's tokenizer and a chat template. */
async function chatModel(): Promise<ModelFiles> {
  const model = TINY_FAMILIES.find(({ family }) => family === 'llama-tiny')?.open({ vocab_size: 4096 });
  if (model === undefined) throw new Error('There is no reference LLaMA.');
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join('public', 'embedded', 'llama', name), 'utf8'));
  const chat_template =
    "{% for m in messages %}{{ m.role + ': ' + m.content + '</s>' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
  const tokenizerConfig = { ...((await json('tokenizer_config.json')) as object), chat_template };
  return { ...model, tokenizer: await json('tokenizer.json'), tokenizerConfig };
}
