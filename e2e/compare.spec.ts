import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { unzipSync } from 'fflate';
import * as v from 'valibot';
import { smoothed } from '../src/base/statistics.ts';
import { resultsLink, resultsOfHash } from '../src/app/state/results-file.ts';
import { setUpLink, setUpText } from '../src/app/state/set-up.ts';
import { quickResults } from '../src/testing/scripted-results.ts';
import { embeddedSettings } from '../src/run/planning/presets.ts';
import { type Results, ResultsSchema } from '../src/run/results/results.ts';
import type { RunSettings } from '../src/run/settings/settings.ts';
import { expectTablesBesideCharts } from './support/access.ts';
import { expectConsistent } from './support/consistency.ts';
import { chartDrawing, chartNumbers, savedBy } from './support/downloads.ts';
import { dropFromDisk } from './support/drop.ts';
import { choose, expectNoWorkers, openWorkbench } from './support/workbench.ts';

const METHODS = ['gorp-plus', 'seq-lora'] as const;
const SEEDS = [1, 2];
const TINY = { trainExamples: 8, testExamples: 4, batchSize: 4 };

const queued = (page: Page, status: string) => page.locator(`[data-testid=queued-run][data-status=${status}]`);
const openTab = (page: Page, tab: string): Promise<void> => page.getByTestId(`tab-${tab}`).click();
const nameOf = ({ settings }: Results): string => `${settings.method.name}, seed ${settings.training.seed}`;

test('two methods with two seeds are queued, survive a reload, and show the values of their files when compared', async ({
  page,
}) => {
  test.setTimeout(400_000);
  page.on('dialog', (dialog) => void dialog.accept());
  await openWorkbench(page);
  await choose(page, { method: 'gorp-plus', ...TINY });
  const link = await copiedLink(page);
  await openTab(page, 'queue');
  for (const method of METHODS) await page.getByTestId(`queue-method-${method}`).check();
  await page.getByTestId('queue-seeds').fill(SEEDS.join(', '));
  await page.getByTestId('queue-add').click();
  await expect(queued(page, 'waiting')).toHaveCount(4);
  await page.getByRole('button', { name: /^Later: gorp-plus, seed 1/ }).click();
  await expect(page.getByTestId('queued-run').first(), 'it can be reordered').toContainText('gorp-plus, seed 2');

  await test.step('it continues by itself, even after a reload in the middle of a run', async () => {
    await page.getByTestId('queue-start').click();
    await expect(queued(page, 'running')).toHaveCount(1);
    await page.getByTestId('queue-pause').click();
    await expect(page.getByTestId('queue-status'), 'after its run it waits').toContainText('Not started.', {
      timeout: 120_000,
    });
    await expect(queued(page, 'waiting')).toHaveCount(3);
    await page.getByTestId('queue-start').click();
    await expect(queued(page, 'finished')).toHaveCount(2, { timeout: 120_000 });
    await expect(queued(page, 'running')).toHaveCount(1);
    await page.reload();
    await openTab(page, 'queue');
    await expect(queued(page, 'running'), 'the interrupted run resumes').toHaveCount(1);
    await expect(page.getByTestId('queue-status')).toContainText(/done at about \d\d:\d\d/);
    await expect(queued(page, 'finished')).toHaveCount(4, { timeout: 240_000 });
    await expect(page.getByTestId('queue-status')).toHaveText('4 of 4 done.');
    await expectNoWorkers(page);
  });

  await page.getByTestId('queue-compare').click();
  await expect(page.getByTestId('compared').getByRole('listitem')).toHaveCount(4);
  const files = await test.step('the zip holds four whole results files', async () => {
    const { name, bytes } = await savedBy(page, () => page.getByTestId('zip-results').click());
    expect(name).toBe('gorp-web-results.zip');
    const zip = Object.entries(unzipSync(bytes));
    const logs = zip.filter(([path]) => path.includes('/'));
    expect(logs, 'each with its logs for other tools').toHaveLength((zip.length - logs.length) * 4);
    const all = zip.flatMap(([path, content]) => {
      if (path.includes('/')) return [];
      expect(path).toMatch(/^gorp-web-[\w-]+\.json$/);
      return v.parse(ResultsSchema, JSON.parse(new TextDecoder().decode(content)));
    });
    expect(all.map(nameOf).toSorted()).toEqual(
      METHODS.flatMap((method) => SEEDS.map((seed) => `${method}, seed ${seed}`)).toSorted(),
    );
    all.forEach(expectConsistent);
    return all;
  });

  await test.step('the overlay holds what the files hold', async () => {
    const loss = page.getByTestId('overlay-loss');
    const ticks = (): Promise<string[]> => loss.locator('svg text').allTextContents();
    const linear = await ticks();
    for (const axis of ['Log loss', 'Log steps']) await loss.getByLabel(axis).check();
    await expect.poll(ticks, 'the axes change').not.toEqual(linear);
    await expectTablesBesideCharts(page);
    await expect(page.getByTestId('differences').locator('tbody tr')).toHaveCount(METHODS.length);
    const smoothing = 0.8;
    const means = await chartNumbers(page, 'compare-loss');
    for (const method of METHODS) {
      const seeds = files.filter(({ settings }) => settings.method.name === method);
      const curves = seeds.map(({ curves: { loss, round } }) => smoothed(loss, round, smoothing));
      const rows = means.filter(({ line }) => line === `${method}, mean of 2`);
      expect(rows).toHaveLength(curves[0].length);
      rows.forEach((row, i) => {
        const [a, b] = curves.map((curve) => curve[i] ?? NaN);
        expect(Number(row['loss'])).toBeCloseTo((a + b) / 2, 12);
        // Of two values the deviation is their difference by √2.
        expect(Number(row['high']) - Number(row['low'])).toBeCloseTo(Math.SQRT2 * Math.abs(a - b), 10);
      });
    }
    await page.getByRole('radiogroup', { name: 'Lines' }).getByText('Each run').click();
    const performance = await chartNumbers(page, 'compare-ap');
    const accuracy = await chartNumbers(page, 'compare-accuracy');
    for (const file of files) {
      expect(sharesOf(performance, file)).toEqual(file.measures.exact.averagePerformanceCurve);
      expect(sharesOf(accuracy, file)).toEqual(file.accuracy.exact.map(([gloss]) => gloss));
    }
    const spaces = await chartNumbers(page, 'compare-spaces');
    expect(new Set(spaces.map(({ line }) => line))).toEqual(
      new Set(files.filter(({ spaces: stored }) => stored.length > 0).map(nameOf)),
    );
    // Two of them: after ten downloads of a page Chromium may want to ask, which without a window it cannot.
    for (const chart of ['compare-loss', 'compare-spaces'])
      expect(await chartDrawing(page, chart)).toContain('gorp-plus, seed 1');
  });

  await test.step('the plane holds them too, with the Pareto front', async () => {
    const numbers = await chartNumbers(page, 'compare-plane');
    const points = files.map((file) => {
      const { justLearned, backwardTransfer } = file.measures.exact;
      return { run: nameOf(file), justLearned: justLearned ?? NaN, backwardTransfer: backwardTransfer ?? NaN };
    });
    for (const { run, justLearned, backwardTransfer } of points) {
      const row = numbers.find((one) => one['run'] === run);
      expect(Number(row?.['just learned'])).toBe(justLearned);
      expect(Number(row?.['backward transfer'])).toBe(backwardTransfer);
      const isBeaten = points.some(
        (other) =>
          Math.min(other.justLearned - justLearned, other.backwardTransfer - backwardTransfer) >= 0 &&
          Math.max(other.justLearned - justLearned, other.backwardTransfer - backwardTransfer) > 0,
      );
      expect(row?.['on the front'], run).toBe(isBeaten ? '0' : '1');
    }
    await expect(page.getByTestId('plane').locator('circle')).toHaveCount(4);
    const drawing = await chartDrawing(page, 'compare-plane');
    for (const method of METHODS) expect(drawing).toContain(`>${method}<`);
    expect(drawing, 'its title has the methods').toMatch(/of the compared runs: [\w, -]*seq-lora/);
    const { name, bytes } = await savedBy(page, () => page.getByTestId('png-compare-plane').click());
    expect(name).toMatch(/^gorp-web-compare-plane-(gorp-plus-seq-lora|seq-lora-gorp-plus)\.png$/);
    expect(bytes.subarray(0, 4)).toEqual(Buffer.from('\x89PNG', 'latin1'));
  });

  await test.step('the link of the set-up brings its settings elsewhere, and starts nothing', async () => {
    await page.getByTestId('preset-select').selectOption('full'); // the page opens with the form as it was left
    await page.goto('about:blank');
    await page.goto(link);
    const offer = page.getByTestId('offer');
    await expect(offer.locator('tbody tr', { hasText: 'Training examples' })).toContainText('8');
    await expect(page.getByTestId('start'), 'nothing is started').toBeVisible();
    await page.getByTestId('offer-accept').click();
    await expect(offer).toBeHidden();
    expect(new URL(page.url()).hash, 'a reload does not ask again').toBe('');
    expect(await copiedLink(page), 'the settings are the same').toBe(link);
    const { settings } = files.find((file) => nameOf(file) === 'gorp-plus, seed 1') ?? files[0];
    expect(link).toBe(setUpLink(page.url(), setUpText(settings, [])));
    await expectNoWorkers(page);
  });
});

test('names in a stranger’s results file are text, on the page and in what it saves', async ({ page }) => {
  await openWorkbench(page);
  await openTab(page, 'compare');
  const evil = '=1<img src=x>\u0001\u202e';
  const foreign = (seed: number): Results => {
    const results = quickResults('gorp-plus', seed);
    const names = [`${evil}1`, `${evil}2${'W'.repeat(20_000)}`];
    return {
      ...results,
      name: `${evil} ${seed}`.slice(0, 100),
      notes: evil,
      settings: { ...results.settings, order: names, model: evil },
      model: { ...results.model, name: evil, commit: evil },
      tasks: results.tasks.map((task, i) => ({
        ...task,
        name: names[i] ?? '',
        labels: task.labels.map((label) => `${evil} ${label}`),
      })),
    };
  };
  const title = await page.title();
  await takeResults(page, [foreign(1), foreign(2)]);
  await expect(page.getByTestId('compared').getByRole('listitem')).toHaveCount(2);
  await expect(page.getByTestId('overlay-loss')).toContainText('<img src=x');
  for (const chart of ['compare-loss', 'compare-accuracy']) {
    await chartNumbers(page, chart);
    const drawing = await chartDrawing(page, chart);
    expect(drawing).toContain('&lt;img src=x');
    expect(drawing).not.toMatch(/<img|\p{Cs}|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202e]/u);
  }
  expect(await page.title()).toBe(title);
  // A mark that turns the direction of a line is shown, and a long name does not widen the page.
  const widens = () => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  await openTab(page, 'results');
  await expect(page.getByRole('rowheader').filter({ hasText: 'added file' }).first()).toContainText('[U+202E]');
  await page.getByTestId('unfold-run').first().click();
  await expect(page.getByTestId('run-details')).toContainText('[U+202E]');
  expect(await widens()).toBe(false);
  const raw = () =>
    page.evaluate(() => {
      const isRead = ({ name }: Attr): boolean => name === 'title' || name.startsWith('aria-');
      const said = [...document.querySelectorAll('*')].flatMap((one) => [...one.attributes].filter(isRead));
      const found = /[\u0001\u202e]/;
      return [document.body.innerText, ...said.map(({ value }) => value)].filter((text) => found.test(text));
    });
  await page.getByRole('button', { name: /^Use settings of/ }).click();
  await openTab(page, 'queue');
  await expect(page.getByRole('tabpanel')).toContainText('[U+202E]');
  expect(await widens(), 'queue').toBe(false);
  await openTab(page, 'results');
  await page
    .getByRole('button', { name: /^Open the run/ })
    .first()
    .click();
  const numbers = JSON.stringify(await chartNumbers(page, 'loss'));
  expect(numbers, 'what is saved says what the file says').toContain('\u202e');
  for (const tab of ['run', 'ranks', 'compare']) {
    await openTab(page, tab);
    await expect(page.getByRole('tabpanel')).toContainText('[U+202E]');
    for (const summary of await page.getByRole('tabpanel').locator('summary:visible').all()) await summary.click();
    expect(await widens(), tab).toBe(false);
    expect(await raw(), tab).toEqual([]);
  }
  for (const made of ['img[src=x]', 'a[href^=javascript]', 'text text'])
    await expect(page.locator(made)).toHaveCount(0);
});

test('files that cannot be compared or taken over say why, and a queue continues after a failed run', async ({
  page,
}) => {
  await openWorkbench(page);
  await openTab(page, 'compare');
  const problem = page.getByTestId('compare-problem');
  const good = quickResults('gorp', 1);
  for (const [content, code] of [
    ['{"schema":"other/results","version":2}', 'run/no-results-file'],
    [JSON.stringify({ ...good, version: 3 }), 'run/results-version'],
    [JSON.stringify({ ...good, seconds: 'long' }), 'run/bad-results-file'],
  ]) {
    await takeResults(page, [good, content]);
    await expect(problem).toContainText(code);
    await expect(page.getByTestId('compared').getByRole('listitem'), 'nothing is taken').toHaveCount(0);
  }
  const folder = test.info().outputPath();
  await mkdir(folder, { recursive: true });
  const [foreign, own] = [join(folder, 'foreign.json'), join(folder, 'own.json')];
  await writeFile(foreign, '{"loss":[1,2]}');
  await writeFile(own, JSON.stringify(good));
  await page.getByTestId('take-results').setInputFiles(foreign);
  await expect(problem).toContainText('foreign.json is not a gorp-web results file.');
  await dropFromDisk(page.getByTestId('compared'), own);
  await expect(problem).toBeHidden();
  await expect(page.getByTestId('compared').getByRole('listitem')).toHaveText([/^gorp, seed 1/]);
  await page.getByTestId('take-results').setInputFiles('docs/studies/lasting/report.json');
  await expect(page.getByTestId('study-report')).toContainText('24 of 24 runs have been made.');
  await takeResults(page, [quickResults('er', 1)]);
  const needs = page.getByTestId('differences').locator('tbody tr td:first-of-type');
  await expect(needs, 'what each method needs').toHaveText(['–', 'old data']);

  await test.step('a link shows results read-only, and stores nothing; one that is cut says so', async () => {
    await openTab(page, 'results');
    await page.getByRole('button', { name: /^Open the run .*, gorp, of/ }).click();
    await expect(page.getByTestId('story'), 'it is read, and shown under Run').toBeVisible();
    await openTab(page, 'results');
    const { hash } = new URL(await copiedLink(page, 'copy-results-link'));
    expect(await resultsOfHash(hash)).toEqual(good);
    const link = await resultsLink(page.url(), quickResults('seq-lora', 5));
    const shared = page.getByTestId('shared');
    await page.goto('about:blank');
    await page.goto(link);
    await expect(shared).toContainText('Somebody’s results, read-only.');
    await expect(page.getByTestId('phase')).toHaveText('Finished');
    await expect(page.getByTestId('story')).toBeVisible();
    for (const missing of ['same-with', 'run-label']) await expect(page.getByTestId(missing)).toHaveCount(0);
    await page.getByTestId('close-shared').click();
    await expect(shared).toBeHidden();
    expect(new URL(page.url()).hash).toBe('');
    await page.goto('about:blank');
    await page.goto(link.slice(0, -40));
    await expect(page.getByTestId('drop-problem')).toContainText('run/bad-results-link');
    await openTab(page, 'results');
    await expect(page.getByTestId('unfold-run'), 'those that were added').toHaveCount(2);
  });

  const settings = embeddedSettings('quick', 'gorp');
  const text = (change: object, version = 1): string =>
    setUpText(settings, [])
      .replace('"version": 1', `"version": ${version}`)
      .replace('"seed": 1', JSON.stringify(change).slice(1, -1));
  for (const [content, words] of [
    [text({ seed: 0.5 }), 'settings/invalid'],
    [text({ seed: 1 }, 7), 'settings/newer-version'],
    [text({ seed: 1 }).slice(0, 300), 'settings/no-set-up'],
    [setUpText({ ...settings, order: ['gloss', 'dbpedia'] }, []), 'CL_Benchmark'],
    [setUpText({ ...settings, order: ['gloss', 'letters'] }, []), 'letters is missing'],
    [setUpText({ ...settings, model: 'embedded-gone' }, []), 'Enter a repository (org/name)'],
  ]) {
    await page
      .getByTestId('open-set-up')
      .setInputFiles({ name: 'set-up.json', mimeType: '', buffer: Buffer.from(content) });
    await expect(page.getByTestId('offer')).toContainText(words);
    await page.keyboard.press('Escape');
    await expect(page.getByTestId('offer')).toBeHidden();
  }

  await test.step('a queue continues after a run fails, and the cause stays readable', async () => {
    const waiting = (one: RunSettings, id: string): object => ({
      id,
      settings: one,
      status: 'waiting',
      estimate: null,
      seconds: null,
      run: null,
      error: null,
    });
    const training = { ...settings.training, ...TINY, trainExamples: 4 };
    const runs = [
      waiting({ ...settings, model: 'picked:gone' }, 'w'),
      waiting({ ...settings, order: ['letters'] }, 'a'),
      waiting({ ...settings, order: ['gloss'], training }, 'b'),
    ];
    await page.evaluate(
      (stored) => localStorage.setItem('gorp-web-queue', stored),
      JSON.stringify({ isGoing: true, runs }),
    );
    await page.reload();
    await openTab(page, 'queue');
    await expect(queued(page, 'finished')).toHaveCount(1, { timeout: 120_000 });
    await expect(queued(page, 'failed').locator('code')).toHaveText(/^[a-z]+\/[a-z0-9-]+$/);
    await expect(page.getByTestId('queue-status')).toContainText('2 of 3 done, 1 of them failed, 1 waiting');
    await expect(queued(page, 'waiting')).toContainText('Drop gone anywhere on the page');
    await page.reload();
    await openTab(page, 'queue');
    await expect(queued(page, 'failed').locator('code')).toBeVisible();
    await page.getByTestId('queue-add').click();
    await expect(queued(page, 'waiting')).not.toHaveCount(0);
    await page.getByTestId('queue-empty').click();
    await expect(queued(page, 'waiting')).toHaveCount(0);
    await expect(page.getByTestId('queue-status'), 'what has ended stays').toHaveText('2 of 2 done, 1 of them failed.');
  });
});

/** The values of a run's line in a chart of shares, in order. */
const sharesOf = (numbers: Record<string, string>[], file: Results): (number | null)[] =>
  numbers.filter(({ line }) => line === nameOf(file)).map(({ share }) => (share === '' ? null : Number(share)));

async function copiedLink(page: Page, button = 'copy-link'): Promise<string> {
  await page.getByTestId(button).click();
  await expect(page.getByTestId('link')).toBeVisible();
  return page.getByTestId('link').inputValue();
}

const takeResults = (page: Page, files: (Results | string)[]): Promise<void> =>
  page.getByTestId('take-results').setInputFiles(
    files.map((file, i) => ({
      name: `results-${i}.json`,
      mimeType: 'application/json',
      buffer: Buffer.from(typeof file === 'string' ? file : JSON.stringify(file)),
    })),
  );
