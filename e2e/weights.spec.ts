import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { quickResults } from '../src/testing/scripted-results.ts';
import { type LocalHub, startLocalHub } from '../src/testing/local-hub.ts';
import { serveLocally } from '../src/testing/local-server.ts';
import { readGgufHeader } from '../src/weights/gguf/header.ts';
import { tinyLlamaGguf } from '../src/testing/gguf-of.ts';
import { violations } from './support/access.ts';
import { dropFromDisk } from './support/drop.ts';
import { damageChunk, storedWeights } from './support/stored.ts';
import { unzipped } from './support/downloads.ts';
import { choose, downloadResults, openWorkbench, shownError, start, waitForStatus } from './support/workbench.ts';

const REPO = 'some-org/tiny-t5';
const TOKEN = 'hf_AbCdEfGhIjKlMn';
const TINY = { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 2 };
const NAMES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];

let hub: LocalHub;
let files: Record<string, Uint8Array>;

test.beforeEach(async () => {
  files = {};
  for (const name of NAMES) files[name] = await readFile(join('public', 'embedded', 'model', name));
  hub = await startLocalHub();
  hub.push(REPO, files);
});
test.afterEach(() => hub.close());

/** Enters a repository of the local hub, and perhaps a token. */
async function chooseRepository(page: Page, token?: string): Promise<void> {
  const field = page.getByTestId('model-field');
  await field.getByLabel('From the Hugging Face hub').check();
  await field.getByLabel('Repository or address').fill(REPO);
  const access = field.locator('details', { hasText: 'Gated models and mirrors' });
  if ((await access.getAttribute('open')) === null) await access.locator('summary').click();
  await field.getByLabel('Hub', { exact: true }).fill(hub.endpoint);
  if (token !== undefined) await field.getByLabel('Access token').fill(token);
}

test('a download from the hub resumes after a reload, and the model trains pinned to its commit', async ({ page }) => {
  // Padded to several chunks: safetensors allows no padding, so the tokenizer file ends in spaces.
  const padded = Buffer.concat([files['tokenizer.json'], Buffer.alloc(20 * 2 ** 20, ' ')]);
  const commit = hub.push(REPO, { ...files, 'tokenizer.json': padded });
  await openWorkbench(page);

  await test.step('the download stalls and the page is reloaded', async () => {
    hub.fault('tokenizer.json', { stallAfter: 9.5 * 2 ** 20 });
    await choose(page, TINY);
    await chooseRepository(page);
    await start(page);
    await expect.poll(async () => (await storedWeights(page)).begunChunks, { timeout: 60_000 }).toBe(2);
    page.on('dialog', (dialog) => void dialog.accept());
    await page.reload();
    await page.getByTestId('tab-models').click();
    const row = page.getByTestId('stored-models').locator('tr', { hasText: REPO });
    await expect(row).toHaveAttribute('data-complete', 'false');
    await expect(row).toContainText(commit.slice(0, 7));
  });

  await test.step('it resumes where it stopped, until it is paused', async () => {
    await chooseRepository(page);
    hub.fault('tokenizer.json', { stallAfter: 5 * 2 ** 20 });
    await page.getByRole('button', { name: `Resume downloading ${REPO}` }).click();
    await expect(page.getByTestId('work-detail')).toContainText(' of ');
    await expect.poll(async () => (await storedWeights(page)).begunChunks, { timeout: 60_000 }).toBe(3);
    await page.getByTestId('pause-fetch').click();
    await page.getByTestId('resume-fetch').click();
    await expect(page.getByTestId('models-work')).toContainText('is stored in this browser', { timeout: 60_000 });
    const ranges = hub.cdnRequests.filter(({ file }) => file === 'tokenizer.json').map(({ range }) => range);
    expect(ranges).toEqual([undefined, `bytes=${8 * 2 ** 20}-`, `bytes=${12 * 2 ** 20}-`]);
    expect((await storedWeights(page)).strayChunks).toBe(0);
  });

  await test.step('it is checked, and trains', async () => {
    await page.getByRole('button', { name: `Check ${REPO}` }).click();
    await expect(page.getByTestId('models-work')).toContainText('Every part matches', { timeout: 60_000 });
    await damageChunk(page, 'tokenizer.json', 3);
    hub.cdnRequests.length = 0;
    await page.getByRole('button', { name: `Check ${REPO}` }).click();
    await expect(page.getByTestId('models-work')).toContainText('downloaded again: tokenizer.json', {
      timeout: 60_000,
    });
    const [part, ...more] = hub.cdnRequests;
    expect([part?.file, part?.range, more]).toEqual([
      'tokenizer.json',
      `bytes=${12 * 2 ** 20}-${16 * 2 ** 20 - 1}`,
      [],
    ]);
    await choose(page, TINY);
    await chooseRepository(page);
    hub.cdnRequests.length = 0;
    await start(page);
    await waitForStatus(page, 'finished');
    expect(hub.cdnRequests).toEqual([]);
    const { results } = await downloadResults(page);
    expect(results.model).toMatchObject({ name: REPO, commit });
    expect(results.settings.model).toBe(REPO);
  });

  await test.step('it is removed', async () => {
    await page.getByTestId('tab-models').click();
    await page.getByRole('button', { name: `Remove… ${REPO}` }).click();
    await page.getByRole('button', { name: new RegExp(`^Remove for good: 1 model .* ${REPO}$`) }).click();
    await expect(page.getByTestId('models-work'), 'no work is left, and no error').toHaveText('');
    await expect(page.getByTestId('stored-models')).not.toContainText(REPO);
    // A file that another worker stores again has its old chunks for a moment longer.
    const nothing = { files: [], strayChunks: 0, begunChunks: 0 };
    await expect.poll(() => storedWeights(page, 'of other servers')).toEqual(nothing);
  });
});

test('a server that blocks pages and one that lacks the model get different errors; a gated model asks for a token, which is stored nowhere', async ({
  page,
}) => {
  hub.gate(REPO, TOKEN);
  await openWorkbench(page);
  await choose(page, TINY);
  await test.step('of an address, nothing is stored', () => expectToldApart(page));
  for (const [token, code] of [
    [undefined, 'weights/gated'],
    ['hf_wrong', 'weights/denied'],
  ] as const) {
    await chooseRepository(page, token);
    await start(page);
    await expect(page.getByTestId('error-panel')).toContainText(code);
    const error = await shownError(page);
    expect(error.code).toBe(code);
    expect(error.text).not.toContain('hf_wrong');
  }
  await page.getByTestId('model-field').getByLabel('Access token').fill(TOKEN);
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(JSON.stringify(results)).not.toContain(TOKEN);
  expect(page.url()).not.toContain(TOKEN);
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain(TOKEN);
  expect(hub.cdnRequests.every(({ authorization }) => authorization === undefined)).toBe(true);
});

/** A run of a model by its address fails with the reason: one server sends no CORS headers, the other has no model. */
async function expectToldApart(page: Page): Promise<void> {
  const closed = await serveLocally((_, response) => response.end('{}'));
  const empty = await serveLocally((_, response) => {
    response.writeHead(404, { 'access-control-allow-origin': '*' }).end();
  });
  try {
    const field = page.getByTestId('model-field');
    await field.getByLabel('From the Hugging Face hub').check();
    for (const [server, code] of [
      [closed, 'weights/cors'],
      [empty, 'weights/not-found'],
    ] as const) {
      await field.getByLabel('Repository or address').fill(`${server.url}model/`);
      await start(page);
      await expect(page.getByTestId('error-panel')).toContainText(code);
      expect((await shownError(page)).code).toBe(code);
    }
    expect(await storedWeights(page, 'of other servers')).toEqual({ files: [], strayChunks: 0, begunChunks: 0 });
  } finally {
    await Promise.all([closed.close(), empty.close()]);
  }
}

test('a model folder and a GGUF file on this machine are trained in place', async ({ page }, testInfo) => {
  const folder = testInfo.outputPath('picked-t5');
  await mkdir(folder, { recursive: true });
  for (const [name, body] of Object.entries(files)) await writeFile(join(folder, name), body);
  await openWorkbench(page);
  await choose(page, TINY);
  await page.getByLabel('Files on this machine').check();
  await page.getByTestId('pick-model-folder').setInputFiles(folder);
  await expect(page.getByTestId('model-field')).toContainText('picked-t5: 4 files');
  const dropped = testInfo.outputPath('dropped-t5');
  await cp(folder, dropped, { recursive: true });
  await dropFromDisk(page.getByTestId('model-drop'), dropped);
  await expect(page.getByTestId('model-field')).toContainText('dropped-t5: 4 files');
  await start(page);
  await waitForStatus(page, 'finished');
  const file = testInfo.outputPath('tiny.gguf');
  await writeFile(file, tinyLlamaGguf());
  await page.getByText(/^All settings of/).click();
  const prompts = page.locator('[data-setting="training.sourceLength"]');
  await prompts.focus();
  const shown = await prompts.inputValue();
  const facts = page.getByText(/^Learning rate .* Prompts of up to/);
  await expect(facts, 'after the run the page sets what the texts need').not.toContainText('up to 256 tokens');
  expect(await prompts.inputValue(), 'which does not change a field in use').toBe(shown);
  await prompts.fill('400');
  await page.getByTestId('pick-model-files').setInputFiles(file);
  const field = page.getByTestId('model-field');
  await expect(field).toContainText('1 file,');
  const size = (await field.innerText()).match(/1 file, ([\d.]+ \w+)/)?.[1] ?? '';
  await expect(page.getByTestId('keep-model'), 'the size is said first').toContainText(`(${size})`);
  await page.getByTestId('keep-model').click();
  await expect(page.getByTestId('kept-model')).toContainText(`keeps a copy of tiny.gguf (${size})`);
  await page.reload();
  await expect(field, 'found again').toContainText('tiny.gguf: 1 file,');
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.settings.model).toContain('tiny.gguf');
  await page.getByRole('button', { name: /^Remove… the copy of tiny/ }).click();
  await page.getByRole('button', { name: /^Remove for good the copy of tiny/ }).click();
  await expect(page.getByTestId('kept-model')).toHaveCount(0);

  // A test cannot use the browser's picker, but the browser's private file system gives the same kind of handles.
  await page.evaluate(async (numbers) => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle('placed.gguf', { create: true });
    const writer = await handle.createWritable();
    await writer.write(Uint8Array.from(numbers));
    await writer.close();
    Object.assign(globalThis, { showOpenFilePicker: () => Promise.resolve([handle]) });
  }, Array.from(tinyLlamaGguf()));
  await page.getByText('Choose files', { exact: true }).click();
  await expect(field).toContainText('placed.gguf: 1 file,');
  await expect(page.getByTestId('keep-model')).toContainText('may ask after a reload whether');
  await page.reload();
  await expect(field, 'found where it was, without a copy').toContainText('placed.gguf: 1 file,');
  await expect(page.getByTestId('kept-model')).toHaveCount(0);
  expect(await storedWeights(page, 'of other servers')).toEqual({ files: [], strayChunks: 0, begunChunks: 0 });
  // Where the browser forbids its picker, as in a frame of another site, the plain field asks.
  await page.evaluate(() => {
    const refuse = (): Promise<never> => Promise.reject(new DOMException('not here', 'SecurityError'));
    Object.assign(globalThis, { showOpenFilePicker: refuse });
  });
  await Promise.all([page.waitForEvent('filechooser'), page.getByText('Choose files', { exact: true }).click()]);
});

test('a GGUF file is chosen from the list of its repository, trained, asked and exported', async ({ page }) => {
  hub.push('some-org/tiny-gguf', { 'tiny-F32.gguf': tinyLlamaGguf(), 'tiny-other.gguf': tinyLlamaGguf() });
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
  await openWorkbench(page);
  await page.getByText(/^All settings of/).click();
  await choose(page, { ...TINY, sourceLength: 400 });
  await chooseRepository(page);
  const field = page.getByTestId('model-field');
  await field.getByLabel('Repository or address').fill('some-org/tiny-gguf');
  await page.getByTestId('list-ggufs').click();
  await page.getByTestId('gguf-choice').selectOption({ index: 1 });
  await expect(field.getByLabel('Repository or address')).toHaveValue('some-org/tiny-gguf:tiny-F32.gguf');
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.settings.model).toBe('some-org/tiny-gguf:tiny-F32.gguf');
  expect((await storedWeights(page)).files).toContain('tiny-F32.gguf');
  await page.getByTestId('tab-try').click();
  await page.getByRole('radiogroup', { name: 'What to ask' }).getByText('Raw prompt').click();
  await page.getByTestId('try-text').fill('Name an animal.');
  await page.getByTestId('try-ask').click();
  await expect(page.locator('[data-testid=answer][data-status=answered]')).not.toHaveCount(0, { timeout: 60_000 });
  // It leaves as GGUF, with what its file said, and as ONNX.
  await page.getByTestId('tab-results').click();
  await page.getByTestId('gguf-dtype').selectOption('q8_0');
  const gguf = await unzipped(page, 'download-gguf');
  const [written, ...others] = Object.keys(gguf);
  const [task] = results.settings.order;
  expect([written, ...others].slice(0, 4)).toEqual(
    [expect.stringMatching(/^tiny-F32-.*q8_0\.gguf$/), 'Modelfile', `Modelfile.${task}`, `${task}.jinja`], // oxfmt-ignore
  );
  expect(others.at(-1)).toBe('README.md');
  const bytes = Uint8Array.from(gguf[written]);
  const read = (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> =>
    Promise.resolve(bytes.slice(begin, end));
  const { metadata, tensors } = await readGgufHeader({ bytes: bytes.length, read });
  expect(metadata.text('general.architecture')).toBe('llama');
  expect(tensors.size).toBeGreaterThan(9);
  expect(Object.keys(await unzipped(page, 'download-onnx'))).toContain('onnx/model.onnx');
  // The base has the name of its repository, in the card and in the adapter.
  const text = new TextDecoder();
  expect(text.decode(gguf['README.md'])).toContain('base_model: "some-org/tiny-gguf"');
  const files = await unzipped(page, 'download-files');
  const configs = Object.keys(files).filter((name) => name.endsWith('/adapter_config.json'));
  expect(configs.length).toBeGreaterThan(0);
  for (const name of configs)
    expect(JSON.parse(text.decode(files[name]))).toMatchObject({ base_model_name_or_path: 'some-org/tiny-gguf' });
  await page.getByRole('radiogroup', { name: 'Program' }).getByText('PEFT').click();
  await expect(page.getByTestId('use-code')).toContainText('gguf_file="tiny-F32.gguf"');
});

test('files dropped anywhere are taken up where they belong, or refused with the reason', async ({
  page,
}, testInfo) => {
  const at = async (name: string, content: string | Record<string, string | Uint8Array>): Promise<string> => {
    const path = testInfo.outputPath(name);
    const all = typeof content === 'string' ? { [name]: content } : content;
    if (typeof content !== 'string') await mkdir(path, { recursive: true });
    else await mkdir(testInfo.outputPath(), { recursive: true });
    for (const [file, body] of Object.entries(all))
      await writeFile(typeof content === 'string' ? path : join(path, file), body);
    return path;
  };
  await openWorkbench(page);
  const place = page.getByRole('main');
  const problem = page.getByTestId('drop-problem');
  await dropFromDisk(place, await at('photo.png', 'x'));
  await expect(problem).toContainText('photo.png is nothing that this page reads.');
  expect(await violations(page), 'axe reads the panel').toEqual([]);
  const small = NAMES.filter((name) => name !== 'model.safetensors').map((name) => [name, files[name]] as const);
  await dropFromDisk(place, await at('no-weights', Object.fromEntries(small)));
  await expect(problem).toContainText('no-weights has neither model.safetensors nor');
  await expect(page.getByLabel('Embedded small T5'), 'nothing is chosen').toBeChecked();
  await dropFromDisk(place, await at('whole', files));
  await expect(page.getByTestId('model-field')).toContainText('whole: 4 files');
  await expect(problem).toBeHidden();
  await dropFromDisk(place, await at('pets.csv', 'text,label\nmeow,cat\nwoof,dog\npurr,cat\nbark,dog\n'));
  await page.getByTestId('import-dialog').getByRole('button', { name: 'Add task' }).click();
  await expect(page.locator('[data-task=pets]')).toBeVisible();
  await dropFromDisk(place, await at('run.json', JSON.stringify(quickResults('gorp', 1))));
  await expect(page.getByTestId('tab-compare')).toHaveAttribute('aria-selected', 'true');
  await expect(page.getByTestId('compared').getByRole('listitem')).toHaveText([/^gorp, seed 1/]);
  for (const tab of ['compare', 'try']) {
    await page.getByTestId(`tab-${tab}`).click();
    await dropFromDisk(place, await at(`${tab}.csv`, 'text,label\nup,yes\ndown,no\nright,yes\nleft,no\n'));
    await page.getByTestId('import-dialog').getByRole('button', { name: 'Add task' }).click();
    await expect(page.locator(`[data-task=${tab}]`), 'wherever the page is').toBeVisible();
  }
  await page.reload();
  await page.getByTestId('start').click();
  await expect(page.getByTestId('error-panel')).toContainText('The model’s files are needed');
});
