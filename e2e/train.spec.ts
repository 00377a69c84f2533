import { readFile } from 'node:fs/promises';
import { expect, test } from '@playwright/test';
import { percent, significant } from '../src/app/ui/format.ts';
import { resultsFileName } from '../src/app/ui/download.ts';
import { shortName } from '../src/app/tabs/ranks/ranks.ts';
import { generalTextStates } from '../src/run/results/known-before.ts';
import type { Results } from '../src/run/results/results.ts';
import { expectTablesBesideCharts } from './support/access.ts';
import { expectConsistent } from './support/consistency.ts';
import { installProbe, longestTask, workerEvents } from './support/probe.ts';
import {
  chartTable,
  choose,
  downloadResults,
  expectNoWorkers,
  openWorkbench,
  start,
  waitForStatus,
} from './support/workbench.ts';

const CHOICE = { trainExamples: 12, testExamples: 6, batchSize: 4 };
/** Processor time of the page's longest task while the worker trains. Milliseconds. */
const LONGEST_TASK = 300;

test('rates that change are drawn, a share of the examples is held out, and what does not fit is refused', async ({
  page,
}) => {
  // Without this, downloads open a dialogue.
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, 'showSaveFilePicker'));
  await openWorkbench(page);
  await choose(page, { ...CHOICE, leaveOut: ['field'], method: 'gain-lora' });
  await page.locator('#setup-form summary').filter({ hasText: 'All settings of' }).click();
  const setting = (name: string) => page.locator(`[data-setting="training.${name}"]`);
  await setting('lrSchedulerType').selectOption('linear');
  await setting('warmupRatio').fill('40 %');
  await setting('warmupSteps').fill('1');
  await start(page);
  await expect(page.getByText(/^Give the warm-up as a share/), 'Start names the fault').toBeVisible();
  await setting('warmupSteps').fill('0');
  await setting('loadBest').selectOption('best');
  await start(page);
  await expect(page.getByText(/^Nothing is held out/), 'and what has nothing to go by').toBeVisible();
  await setting('validationExamples').fill('25 %');
  await setting('validationExamples').blur();
  await expect(setting('validationExamples')).toHaveValue('25 %');
  await start(page);
  await waitForStatus(page, 'finished');
  await expect(page.getByTestId('rate-chart').getByRole('img').first()).toBeVisible();
  const rows = await chartTable(page, 'loss-chart');
  // Three steps: up from 0 for two of them, and down to 0 after the last.
  expect(rows.map((row) => row[5])).toEqual(['0.0', '50.0', '100.0']);
  await expect(page.getByTestId('validation')).toContainText('ends with the weights of step 3');
  const { results } = await downloadResults(page);
  expect(results.tasks.map(({ validationExamples }) => validationExamples)).toEqual([3, undefined]);
  expect(results.validation?.map(({ step }) => step)).toEqual([3]);
  expect(results.endedByLoss).toEqual([{ round: 1, step: 3, steps: 3, planned: 3 }]);

  await test.step('GGUF cannot hold gates, says what to take instead, and programs that hold weights only are not offered', async () => {
    await page.getByTestId('download-gguf').click();
    const refused = page.getByRole('alert').filter({ hasText: 'gain-lora' });
    await expect(refused).toContainText('Export as ONNX');
    await expect(page.getByTestId('use-model').getByRole('radio')).toHaveCount(3);
  });
});

test('a run finishes, shows its measurements and offers them as a file; the next reads its weights from the browser', async ({
  page,
}) => {
  // Two starts, and shaders compile slowly on a busy machine.
  test.setTimeout(300_000);
  const requests: string[] = [];
  page.context().on('request', (request) => requests.push(new URL(request.url()).pathname));
  const modelRequests = (file: string): number => requests.filter((path) => path.endsWith(`/model/${file}`)).length;
  await installProbe(page);
  await openWorkbench(page);
  await choose(page, { ...CHOICE, generalText: true });

  await test.step('a page that hangs would be noticed', async () => {
    const { cpu, whole } = await longestTask(page, () =>
      page.evaluate((until) => {
        const begin = performance.now();
        while (performance.now() - begin < until);
      }, LONGEST_TASK),
    );
    expect(whole).toBeGreaterThanOrEqual(LONGEST_TASK);
    expect(cpu).toBeGreaterThan(0);
  });

  const { cpu } = await longestTask(page, async () => {
    await start(page);
    await waitForStatus(page, 'finished');
  });
  expect(cpu, 'the page stayed responsive').toBeLessThan(LONGEST_TASK);
  await expect(page.getByTestId('phase')).toHaveText('Finished');
  await expect(page.getByTestId('start'), 'the keyboard stays where it was').toBeFocused();
  await expectNoWorkers(page);
  expect(modelRequests('model.safetensors')).toBe(1);
  await expectTablesBesideCharts(page);
  const lossTable = await chartTable(page, 'loss-chart');
  const shownExact = await shownMatrix();
  await page.getByRole('radiogroup', { name: 'Score' }).getByText('Ranked').click();
  const shownRanked = await shownMatrix();

  const { name, results } = await downloadResults(page);
  await test.step('the results file is consistent and agrees with the settings and the page', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(results).toMatchObject({ status: 'finished', error: null, code: { version } });
    expect(name).toBe(resultsFileName(results));
    expect(results.settings).toMatchObject({ model: 'embedded', tasks: 'embedded', training: CHOICE });
    expect(results.tasks.length).toBeGreaterThan(1);
    for (const { trainExamples, testExamples } of results.tasks) {
      expect({ trainExamples, testExamples, batchSize: CHOICE.batchSize }).toEqual(CHOICE);
    }
    expectConsistent(results);
    const { step, loss, gradientNorm } = results.curves;
    expect(lossTable.map(([step, , loss, , norm]) => [step, loss, norm])).toEqual(
      step.map((s, i) => [String(s), significant(loss[i]), significant(gradientNorm[i])]),
    );
    expect(shownExact).toEqual(cellsOf(results));
    expect(shownRanked).toEqual(cellsOf(results, 'ranked'));
  });

  await test.step('the ranks are shown, with a spectrum for each layer and round', async () => {
    await page.getByTestId('tab-ranks').click();
    const cells = page.getByTestId('ranks-map').locator('[aria-selected]');
    await expect(cells).toHaveCount(rankLabels(results).length);
    const shown = await cells.evaluateAll((buttons) => buttons.map((button) => button.getAttribute('aria-label')));
    expect(shown.toSorted()).toEqual(rankLabels(results).toSorted());
    const { tensors } = results.spaces[1];
    const last = tensors[tensors.length - 1];
    await page.getByRole('gridcell', { name: rankLabel(last, results.settings.order[1]), exact: true }).click();
    await expect(page.getByTestId('spectrum').locator('code')).toHaveText(shortName(last.name));
    // A bar for each direction, and one for what was held before.
    await expect(page.getByTestId('spectrum').locator('svg rect')).toHaveCount(last.spectrum.length + 1);
    await expectTablesBesideCharts(page);
    expect(await chartTable(page, 'spectrum')).toHaveLength(last.spectrum.length);
  });

  await test.step('after a reload the run can be opened again, whole', async () => {
    await page.reload();
    await page.getByTestId('tab-results').click();
    await expect(page.getByTestId('history').locator('tbody tr')).toHaveCount(1);
    await page.getByTestId('unfold-run').click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /^Download the run .*, gorp-plus, of/ }).click(),
    ]);
    expect(JSON.parse(await readFile(await file.path(), 'utf8'))).toEqual(results);
    await page.getByRole('button', { name: 'Open the' }).click();
    await expect(page.getByTestId('status')).toHaveAttribute('data-status', 'finished');
    expect(await shownMatrix()).toEqual(cellsOf(results));
    await expect(page.getByTestId('story').getByRole('listitem')).toHaveCount(results.settings.order.length);
    await expect(page.getByTestId('general-text-story')).toHaveText(
      /^It models general text .* nats a token .* over 8 passages/,
    );
    const losses = await chartTable(page, 'loss-chart');
    expect(losses.map(([step]) => Number(step))).toEqual(results.curves.step);
    await page.getByTestId('tab-ranks').click();
    await expect(page.getByTestId('ranks-map').locator('[aria-selected]')).toHaveCount(rankLabels(results).length);
    expect((await downloadResults(page)).results).toEqual(results);
  });

  await test.step('the next run, without protection, reads its weights from the browser', async () => {
    await page.getByTestId('tab-run').click();
    requests.length = 0;
    await page.getByTestId('same-with').click();
    await waitForStatus(page, 'running');
    await waitForStatus(page, 'finished');
    expect(requests.filter((path) => path.includes('/model/'))).toEqual([]);
    expect(
      requests.some((path) => path.includes('/tasks/')),
      'requests of the worker are seen',
    ).toBe(true);
    const sources = (await workerEvents(page)).flatMap((event) => ('source' in event ? [event.source] : []));
    expect(new Set(sources)).toEqual(new Set(['cache']));
    const beside = page.getByTestId('side-by-side');
    await expect(beside).toContainText(
      /^Taught two things in turn, the plain model (lost|gained) .*; the one with gorp-plus/,
    );
    await expect(beside.getByRole('img', { name: /^(seq-lora|gorp-plus), exact answer, percent$/ })).toHaveCount(2);
    const chart = page.getByTestId('loss-chart');
    expect((await chart.boundingBox())?.y ?? 0, 'what happened comes before the loss').toBeGreaterThan(
      (await page.getByTestId('r-matrix').boundingBox())?.y ?? Infinity,
    );
  });

  async function shownMatrix(): Promise<string[][]> {
    const rows = page.getByTestId('r-matrix').locator('tbody tr');
    await expect(rows.first()).toBeVisible();
    return Promise.all((await rows.all()).map((row) => row.getByRole('gridcell').allInnerTexts()));
  }
});

/** The cells of the matrix as the page shows them: accuracies in percent, then the loss on general text. */
function cellsOf(results: Results, score: 'exact' | 'ranked' = 'exact'): string[][] {
  const texts = generalTextStates(results);
  expect(texts.map(({ round }) => round)).toEqual(results.accuracy.exact.map((_, round) => round));
  return results.accuracy[score].map((row, round) => [
    ...row.map((value) => (value === null ? '' : percent(value))),
    texts[round].loss.toFixed(3),
  ]);
}

type Space = Results['spaces'][number]['tensors'][number];

const rankLabel = ({ name, added, total, dimension }: Space, task: string): string =>
  `${shortName(name)}, ${task}: ${added} added, ${total} of ${dimension} held`;

const rankLabels = ({ spaces, settings }: Results): string[] =>
  spaces.flatMap(({ round, tensors }) => tensors.map((space) => rankLabel(space, settings.order[round - 1])));
