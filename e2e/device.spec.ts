import { readFile } from 'node:fs/promises';
import { expect, type Page, test } from '@playwright/test';
import * as v from 'valibot';
import { BenchReportSchema } from '../src/bench/report.ts';
import { serveWithFaults } from './support/faulty-server.ts';
import {
  choose,
  type Choice,
  downloadResults,
  expectNoWorkers,
  openWorkbench,
  shownError,
  start,
  waitForStatus,
} from './support/workbench.ts';

const TINY: Choice = { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 2 };

const line = (page: Page) => page.getByTestId('device-line');
const device = (page: Page, name: string): Promise<void> =>
  page.getByRole('radiogroup', { name: 'Device' }).getByText(name).click();

test('the CPU can be chosen, a missing GPU is an error, and Automatic trains again', async ({ page }) => {
  await openWorkbench(page);
  await device(page, 'CPU');
  await expect(line(page)).toContainText('as you chose');
  await expect(line(page).locator('summary')).toHaveCount(0);
  await page.reload();
  await expect(line(page)).toContainText('as you chose');

  await device(page, 'GPU');
  await expect(line(page)).toHaveAttribute('data-status', 'none');
  await expect(line(page).getByRole('listitem').first()).toBeVisible();
  await choose(page, TINY);
  await start(page);
  await waitForStatus(page, 'failed');
  expect((await shownError(page)).code).toMatch(/^gpu\//);

  await device(page, 'Automatic');
  await expect(line(page)).toHaveAttribute('data-kind', 'wasm');
  await line(page).getByText('How to use the graphics card').click();
  await expect(line(page).getByRole('listitem').first()).toBeVisible();
  await start(page);
  await waitForStatus(page, 'finished');
  const { results } = await downloadResults(page);
  expect(results.device.kind).toBe('wasm');
  expect(results.device.architecture).toContain('SIMD');
});

test('a page without the headers, on a network name, trains with one thread and says why', async ({
  playwright,
  launchOptions,
  baseURL,
}) => {
  const server = await serveWithFaults(baseURL ?? '');
  const args = [...(launchOptions.args ?? []), '--host-resolver-rules=MAP gorp.test 127.0.0.1'];
  const browser = await playwright.chromium.launch({ ...launchOptions, args });
  try {
    const page = await browser.newPage();
    await openWorkbench(page, server.url);
    await expect(line(page)).toContainText('1 thread)');
    await expect(line(page)).toContainText('COOP and COEP');

    await openWorkbench(page, server.url.replace('127.0.0.1', 'gorp.test'));
    await expect(line(page)).toContainText('over https or from this machine');
    await choose(page, TINY);
    await start(page);
    await waitForStatus(page, 'finished');
    const { results } = await downloadResults(page);
    expect(results.device).toMatchObject({ kind: 'wasm', why: 'no-webgpu', limits: { threads: 1 } });
  } finally {
    await browser.close();
    await server.close();
  }
});

test('an older browser trains to the end, and the page says what cannot be saved', async ({ page }) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, 'showSaveFilePicker');
    Reflect.deleteProperty(Navigator.prototype, 'wakeLock');
  });
  await page.route(/\/assets\/(ahead|train)-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    const body = `delete FileSystemFileHandle.prototype.createWritable;\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
  await openWorkbench(page);
  await choose(page, TINY);
  await start(page);
  await waitForStatus(page, 'finished');
  await expect(page.getByTestId('warnings')).toContainText('it lacks createWritable');
  const { results } = await downloadResults(page);
  expect(results.status).toBe('finished');
  await page.unrouteAll({ behavior: 'ignoreErrors' }); // a worker may still be loading
});

test('an engine without SIMD is reported before Start, with what to do', async ({ page }) => {
  await page.route(/\/assets\/(ahead|train)-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `WebAssembly.validate = () => false;\n${await response.text()}` });
  });
  await openWorkbench(page);
  await expect(line(page)).toHaveAttribute('data-status', 'none');
  await expect(line(page)).toContainText('it lacks WebAssembly SIMD. Use a current version');
  await start(page);
  await waitForStatus(page, 'failed');
  expect((await shownError(page)).code).toBe('device/no-simd');
  await page.unrouteAll({ behavior: 'ignoreErrors' }); // a worker may still be loading
});

test('the Device view says what the device can do, measures it, stops and saves JSON', async ({ page }) => {
  await openWorkbench(page);
  await line(page).getByTestId('device-more').click();
  await expect(page.getByTestId('cpu-facts').getByRole('row', { name: /^Threads/ })).toBeVisible();
  await expect(page.getByTestId('adapter-facts')).toBeVisible();

  await page.getByTestId('measure-start').click();
  const measurement = page.getByTestId('measurement');
  await expect(measurement).toHaveAttribute('data-status', 'measuring');
  await start(page);
  expect((await shownError(page)).code).toBe('run/device-measured');
  await expect(page.getByTestId('outcome').first()).toContainText(/\d+ of \d+ right/);
  await page.getByTestId('measure-stop').click();
  await expect(measurement).toHaveAttribute('data-status', 'stopped');

  const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId('measure-save').click()]);
  expect(file.suggestedFilename()).toMatch(/^gorp-web-device-cpu-.*\.json$/);
  const { adapter, parts } = v.parse(BenchReportSchema, JSON.parse(await readFile(await file.path(), 'utf8')));
  expect(adapter.kind).toBe('wasm');
  expect(parts[0]).toMatchObject({ name: 'kernels against references', status: 'measured' });
  expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
  expect(parts.at(-1)).toMatchObject({ status: 'not run' });
  await expectNoWorkers(page);
});
