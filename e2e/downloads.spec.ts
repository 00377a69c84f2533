import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import type { FromWorker } from '../src/base/worker-calls.ts';
import type { RunEvent } from '../src/run/events/events.ts';
import type { Results } from '../src/run/results/results.ts';
import { promptOfPrediction, readPredictions, type Prediction } from '../src/run/files/predictions.ts';
import { runProgram } from './support/program-page.ts';
import { unzipped } from './support/downloads.ts';
import { choose, downloadResults, openWorkbench, start, waitForStatus } from './support/workbench.ts';

const CHOICE = { method: 'gorp', trainExamples: 30, testExamples: 3, batchSize: 1 };
const STEPS_PER_ROUND = 30; // enough to stop between two
const ROUNDS = 'logs_and_outputs/order_custom/outputs';
const RESULT_FILES = [
  'all_results.json',
  'predict_eval_predictions.jsonl',
  'predict_results.json',
  'train_results.json',
];
const TRAINED_FILES = [
  'adapter/README.md',
  'adapter/adapter_config.json',
  'adapter/adapter_model.safetensors',
  'full_rank_weights.safetensors',
  'round.json',
  'state.safetensors',
];

/** Runs in the page, before its own scripts: presses Stop at the first step of round 2, since a round is short. */
function stopInSecondRound(): void {
  let isDone = false;
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      this.addEventListener('message', ({ data }: MessageEvent<FromWorker<RunEvent> | 'ready'>) => {
        if (isDone || data === 'ready' || !('event' in data)) return;
        const { event } = data;
        if (event.type !== 'progress' || event.phase !== 'train' || event.round !== 2) return;
        isDone = true;
        document.querySelector<HTMLButtonElement>('[data-testid=stop]')?.click();
      });
    }
  };
}

/** Unpacks the ONNX model, runs the program that the page shows for it, and expects the answer of the run's test. */
async function answersInTransformersJs(page: Page, disk: string, tested: Prediction[]): Promise<void> {
  await page.getByTestId('onnx-dtype').selectOption('f32');
  for (const [name, bytes] of Object.entries(await unzipped(page, 'download-onnx'))) {
    const target = join(disk, `gorp-web-onnx-f32-gloss-field`, name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByTestId('copy-code').click();
  const program = await page.evaluate(() => navigator.clipboard.readText());
  expect(program).toBe(await page.getByTestId('use-code').textContent());

  const run = await runProgram(page.context(), disk, program);
  // The other prompts of the test are answered in Node (src/onnx/transformers-js.test.ts).
  const shown = tested.find((prediction) => program.includes(JSON.stringify(promptOfPrediction(prediction))));
  expect(run.reported).toEqual([shown?.written]);
  await run.close();
}

/** The card of an export names the base, its licence, the method, the tasks and what came of them. */
function expectCard(file: Uint8Array, { settings, accuracy }: Results, base: string, library: string): void {
  const card = new TextDecoder().decode(file);
  expect(card).toContain(`library_name: ${library}\n`);
  expect(card).toContain(`**Base model:** ${base}`);
  expect(card).toMatch(/^license: "\S.*"$/m);
  expect(card).toMatch(/\*\*Licence of the base model:\*\* (?!not stated)/);
  expect(card).toContain(`**Method:** \`${settings.method.name}\``);
  const last = accuracy.exact[settings.order.length];
  const cells = settings.order.map((task, j) => `| ${task} .* ${(100 * (last[j] ?? NaN)).toFixed(1)} \\|$`);
  for (const row of cells) expect(card).toMatch(new RegExp(row.replaceAll('| ', '\\| '), 'm'));
}

test('a stopped run leaves its model, which is taught the rest; models can be downloaded and loaded', async ({
  page,
}) => {
  test.setTimeout(400_000);
  // A test cannot use the browser's own dialogue, so the page is made to behave as in browsers without one.
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
  await page.addInitScript(stopInSecondRound);
  await openWorkbench(page);
  await choose(page, CHOICE);
  await start(page);
  await waitForStatus(page, 'stopped');
  const { results: stopped } = await downloadResults(page);
  await expect(page.getByTestId('kept-rounds')).toContainText('1-gloss');

  await page.getByTestId('teach-more').click();
  await expect(page.getByTestId('lessons').locator('li')).toHaveText(/^gloss/);
  await page.getByLabel('Add a task').selectOption('field');
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.accuracy.exact.slice(0, 2)).toEqual(stopped.accuracy.exact.slice(0, 2));
  expect(results.curves.step).toEqual(Array.from({ length: 2 * STEPS_PER_ROUND }, (_, i) => i + 1));
  await expect(page.getByTestId('kept-rounds')).toContainText('2-field');

  const files = await unzipped(page, 'download-files');
  expect(Object.keys(files).sort()).toEqual(
    ['1-gloss', '2-field']
      .flatMap((round) => [...RESULT_FILES, ...TRAINED_FILES].map((name) => `${ROUNDS}/${round}/${name}`))
      .sort(),
  );
  const predict = new TextDecoder().decode(files[`${ROUNDS}/2-field/predict_results.json`]);
  const score = (JSON.parse(predict) as Record<string, number>)['predict_exact_match_for_field'];
  expect(score).toBeCloseTo(100 * (results.accuracy.exact[2][1] ?? NaN), 3);

  const NAME = 'Embedded small T5';
  expectCard(files[`${ROUNDS}/2-field/adapter/README.md`], results, NAME, 'peft');
  const adapter = JSON.parse(new TextDecoder().decode(files[`${ROUNDS}/2-field/adapter/adapter_config.json`])) as {
    base_model_name_or_path: string;
  };
  expect(adapter.base_model_name_or_path).toBe(NAME);

  const model = await unzipped(page, 'download-merged');
  expectCard(model['README.md'], results, NAME, 'transformers');
  const gguf = await unzipped(page, 'download-gguf');
  expect(Object.keys(gguf)).toEqual(expect.arrayContaining([expect.stringMatching(/\.gguf$/), 'README.md']));
  expectCard(gguf['README.md'], results, NAME, 'gguf');
  await page.getByTestId('gguf-dtype').selectOption('q4_0');
  await page.getByTestId('count-same').click();
  const tests = results.tasks.reduce((sum, { testExamples }) => sum + testExamples, 0);
  await expect(page.getByTestId('same-answers')).toHaveText(
    new RegExp(`^Q4_0: \\d+ of ${tests} test answers stay the same\\.$`),
    { timeout: 30_000 },
  );
  expect(Object.keys(model)).toEqual(
    expect.arrayContaining(['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors']),
  );

  await page.getByTestId('onnx-dtype').selectOption('q8');
  const onnx = await unzipped(page, 'download-onnx');
  expect(Object.keys(onnx)).toEqual(
    expect.arrayContaining([
      'config.json',
      'tokenizer.json',
      'onnx/encoder_model_quantized.onnx',
      'onnx/encoder_model_quantized.onnx_data',
      'onnx/decoder_model_merged_quantized.onnx',
      'onnx/decoder_model_merged_quantized.onnx_data',
    ]),
  );

  const disk = await mkdtemp(join(tmpdir(), 'gorp-round-'));
  try {
    const predictions = new TextDecoder().decode(files[`${ROUNDS}/2-field/predict_eval_predictions.jsonl`]);
    await answersInTransformersJs(page, disk, readPredictions(predictions));

    for (const name of TRAINED_FILES) {
      const target = join(disk, '2-field', name);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, files[`${ROUNDS}/2-field/${name}`]);
    }
    const taught = page.getByTestId('taught-model');
    await page.getByTestId('tab-models').click();
    await page.getByRole('button', { name: 'Remove… the model gloss, field' }).click();
    await page.getByRole('button', { name: /^Remove for good.* the model gloss, field$/ }).click();
    await expect(taught).toHaveCount(1);
    await page.getByTestId('tab-results').click();
    await page.getByTestId('load-round').setInputFiles(join(disk, '2-field'));
    await expect(page.getByTestId('kept-rounds')).toContainText('1-gloss, 2-field');
    await page.getByTestId('tab-models').click();
    await expect(taught).toHaveCount(2);
  } finally {
    await rm(disk, { recursive: true, force: true });
  }
});
