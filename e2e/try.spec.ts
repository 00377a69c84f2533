import { expect, type Locator, type Page, test } from '@playwright/test';
import { namelessControls } from './support/access.ts';
import { choose, expectNoWorkers, openWorkbench, start, waitForStatus } from './support/workbench.ts';

const TINY = { method: 'seq-lora', trainExamples: 64, testExamples: 4, batchSize: 8 };

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

/** What a cell of the list of examples says was written. */
const written = (cell: Locator): Promise<string> => cell.locator('[data-written]').innerText();

test('a model is asked before training and after every round, on the page’s own runtime', async ({ page, baseURL }) => {
  test.setTimeout(300_000);
  // Downloads come without a dialogue then.
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
    requests.filter((url) => /ort[.-]|onnx|try/i.test(url)),
    'nothing of it is loaded before it is looked at',
  ).toEqual([]);

  let first = new Map<number, string>();
  await test.step('the answers to an example are those that its rounds gave when they were tested', async () => {
    await page.getByTestId('tab-try').click();
    await expect(page.getByTestId('try-source')).toContainText('seq-lora on embedded, 2 rounds');
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

  await test.step('all of it comes from this server, under the policy of the page', () => {
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

  await test.step('fewer bits, a text of one’s own, a raw prompt, and one that is too long', async () => {
    await page.getByTestId('try-dtype').selectOption('q8');
    await page.getByTestId('try-text').fill('a small animal that barks');
    await page.getByLabel('before training').uncheck();
    await page.getByTestId('try-ask').click();
    expect([...(await answers(page)).keys()]).toEqual([1, 2]);
    await expect(page.getByTestId('asked').first()).toContainText('8 bits');

    await page.getByRole('radiogroup', { name: 'What to ask' }).getByText('Raw prompt').click();
    await page.getByTestId('try-text').fill('Name an animal.');
    await page.getByTestId('try-ask').click();
    expect([...(await answers(page)).keys()]).toEqual([1, 2]);
    await page.getByTestId('try-text').fill('word '.repeat(2000));
    await page.getByTestId('try-ask').click();
    await expect(page.getByTestId('task-problem')).toContainText('text/prompt-too-long');
  });

  await test.step('leaving the tab ends its worker', async () => {
    await page.getByTestId('tab-run').click();
    await expectNoWorkers(page);
  });

  await test.step('after a reload the saved rounds answer the same', async () => {
    await page.reload();
    await page.getByTestId('tab-try').click();
    await page.getByTestId('examples-shown').selectOption('all');
    await page.getByTestId('example-ask').first().click();
    expect(await answers(page)).toEqual(first);
  });

  await test.step('so do they from their zip', async () => {
    await page.getByTestId('tab-results').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download-files').click()]);
    await page.evaluate(async () =>
      (await navigator.storage.getDirectory()).removeEntry('rounds', { recursive: true }),
    );
    await page.getByTestId('tab-try').click();
    await expect(page.getByTestId('nothing-to-try')).toBeVisible();
    await page.getByTestId('try-zip').setInputFiles({
      name: 'rounds.zip',
      mimeType: 'application/zip',
      buffer: await bytesOf(await download.createReadStream()),
    });
    await expect(page.getByTestId('try-source')).toContainText('2 rounds from');
    await page.getByTestId('examples-shown').selectOption('all');
    await page.getByTestId('example-ask').first().click();
    expect(await answers(page)).toEqual(first);
  });
});

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
