import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { unzipSync } from 'fflate';
import { type LocalHub, startLocalHub } from '../src/testing/local-hub.ts';
import { repositoryOf } from '../src/testing/model-repository.ts';
import type { Results } from '../src/run/results/results.ts';
import { TINY_FAMILIES } from '../src/testing/tiny-families.ts';
import { choose, downloadResults, openWorkbench, shownError, start, waitForStatus } from './support/workbench.ts';

// Bytes need more positions than word pieces.
const PROMPT = { pieces: '96', bytes: '384' };

/** Models that are refused, and what the page says about them. */
const REFUSED = [
  {
    name: 'quantised',
    config: { quantization_config: { quant_method: 'awq', bits: 4 } },
    code: 'model/quantised-checkpoint',
    says: /stored quantised \(awq\).*16-bit/s,
  },
  {
    name: 'seeing',
    config: { model_type: 'qwen2_5_vl', vision_config: {} },
    code: 'model/unknown-family',
    says: /nearest supported family is qwen2; this model reads images as well/,
  },
  {
    name: 'chatting',
    template: '{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}',
    code: 'settings/template-tokens',
    says: /<\|im_start\|>, which the tokenizer lacks.*raw prompts/s,
  },
];

let hub: LocalHub;
test.beforeAll(async () => {
  hub = await startLocalHub();
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join('public', 'embedded', 'model', name), 'utf8'));
  const [tokenizer, tokenizerConfig] = [await json('tokenizer.json'), await json('tokenizer_config.json')];
  for (const { family, open } of TINY_FAMILIES) {
    const model = open({ vocab_size: 4096 });
    const readable = model.tokenizer === null ? model : { ...model, tokenizer, tokenizerConfig };
    hub.push(`tiny/${family}`, await repositoryOf(readable));
    if (family !== 'qwen2-tiny') continue;
    for (const { name, config = {}, template } of REFUSED) {
      const files = {
        config: { ...(model.config as object), ...config },
        tokenizerConfig: { ...(tokenizerConfig as object), chat_template: template },
      };
      hub.push(`refused/${name}`, await repositoryOf({ ...readable, ...files }));
    }
  }
});
test.afterAll(() => hub.close());

/** Chooses a model on the local hub. */
async function chooseModel(page: Page, model: string): Promise<void> {
  const field = page.getByTestId('model-field');
  await field.getByLabel('From the Hugging Face hub').check();
  await field.getByLabel('Repository or address').fill(model);
  await field.getByText('Gated models and mirrors').click();
  await field.getByLabel('Hub', { exact: true }).fill(hub.endpoint);
}

/** Chooses the model of a family and settings that suit such a small model. */
async function chooseFamily(page: Page, family: string, method: string): Promise<void> {
  await choose(page, { method, leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 4 });
  await page.getByText(/^All settings of/).click();
  const set = (name: string, value: string): Promise<void> => page.locator(`[data-setting="${name}"]`).fill(value);
  await set('method.loraRank', '4');
  await set('method.galoreRank', '4');
  await chooseModel(page, `tiny/${family}`); // which may bring a length of its own
  await set('training.sourceLength', family === 'byt5-tiny' ? PROMPT.bytes : PROMPT.pieces);
}

/** The merged model, downloaded. */
async function expectExported(page: Page, parameters: number): Promise<void> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('download-merged').click()]);
  const files = unzipSync(new Uint8Array(await readFile(await download.path())));
  expect(JSON.parse(new TextDecoder().decode(files['config.json']))).toMatchObject({ vocab_size: 4096 });
  expect(files['model.safetensors'].length).toBeGreaterThan(parameters * 4);
}

/** Learns one more task, after what the model in the browser knows. */
async function expectTaughtMore(page: Page, before: Results): Promise<void> {
  await page.getByTestId('teach-more').click();
  await page.getByLabel('Add a task').selectOption('field');
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  const [, one, two] = results.accuracy.exact;
  expect(one[0]).toBe(before.accuracy.exact[1][0]);
  expect(two).toEqual([expect.any(Number), expect.any(Number)]);
}

// The command line resumes and exports every family (src/cli/families.test.ts). Here: bytes with an encoder, which are
// taught more, and word pieces without one, which are exported.
const IN_BROWSER = [
  { name: 'byt5-tiny', method: 'gorp-plus', then: 'is taught more' },
  { name: 'qwen3-tiny', method: 'gorp', then: 'is exported' },
];
for (const { name, method, then } of IN_BROWSER) {
  test(`${name} of the hub learns by ${method}, is tested, and ${then} @slow`, async ({ page }) => {
    // A test cannot use the browser's own dialogue, so the page is made to behave as in browsers without one.
    await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
    await openWorkbench(page);
    await chooseFamily(page, name, method);
    await start(page);
    await waitForStatus(page, 'finished');
    const { results } = await downloadResults(page);
    expect(results.model).toMatchObject({ name: `tiny/${name}` });
    expect(results.accuracy.exact[1]).toEqual([expect.any(Number)]);
    if (method === 'gorp') await expectExported(page, results.model.parameters);
    else await expectTaughtMore(page, results);
  });
}

test('the embedded LLaMA needs no other server: it shows an example and trains the chosen layers; models that cannot be trained are refused', async ({
  page,
  baseURL,
}) => {
  const others: string[] = [];
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(baseURL ?? '').origin) others.push(request.url());
  });
  await openWorkbench(page);
  await choose(page, { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 4 });
  await page.getByLabel('Embedded small LLaMA').check();

  const preview = page.getByTestId('preview');
  await preview.locator('summary').click();
  const label = preview.locator('mark');
  await expect(label).toHaveCount(2);
  await expect(label.last()).toHaveText('</s>');
  await expect(preview.locator('pre')).toContainText('<s> Task:TC Dataset:gloss');

  const layers = page.getByTestId('trained-layers');
  await expect(layers.locator('summary')).toHaveText('12 with LoRA');
  await layers.locator('summary').click();
  await layers.getByLabel('Training of mlp.up_proj').selectOption('LoRA');
  await layers.getByLabel('Training of self_attn.q_proj').selectOption('frozen');
  await expect(layers.locator('summary')).toHaveText('12 with LoRA');

  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.model.name).toBe('embedded-llama');
  expect(results.settings.training.loraModules).toEqual([
    'model.layers.*.self_attn.v_proj',
    'model.layers.*.mlp.up_proj',
  ]);
  expect(others).toEqual([]);

  await test.step('others are refused, with the reason and what to choose instead', async () => {
    await page.getByTestId('tab-run').click();
    await page.getByText(/^All settings of/).click();
    await choose(page, { method: 'seq-lora', trainExamples: 8, testExamples: 2, batchSize: 4 });
    await chooseModel(page, `refused/${REFUSED[0].name}`);
    for (const { name, template, code, says } of REFUSED) {
      await page.getByLabel('Repository or address').fill(`refused/${name}`);
      await page.locator('[data-setting="training.promptForm"]').selectOption(template === undefined ? 'raw' : 'chat');
      await start(page);
      await expect(page.getByTestId('error-panel')).toContainText(code);
      expect((await shownError(page)).text).toMatch(says);
    }
  });
});
