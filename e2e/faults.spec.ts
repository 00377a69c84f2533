import { expect, type Page, test } from '@playwright/test';
import { type Answer, serveWithFaults } from './support/faulty-server.ts';
import { storedWeights } from './support/stored.ts';
import {
  type Choice,
  choose,
  expectNoWorkers,
  openWorkbench,
  shownError,
  start,
  startPaused,
  waitForStatus,
  waitForStep,
} from './support/workbench.ts';

/** The quickest run there is: one task, adapters only. */
const TINY: Choice = { method: 'seq-lora', leaveOut: ['field'], trainExamples: 8, testExamples: 2, batchSize: 2 };

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const WEB_PAGE: Answer = { type: 'text/html', body: utf8('<!doctype html><title>Not here</title>') };

/** Starts a run that must fail, with an error that names the culprit. */
async function expectFailure(page: Page, code: string, named: string): Promise<void> {
  await start(page);
  await waitForStatus(page, 'failed');
  const error = await shownError(page);
  expect(error.code).toBe(code);
  expect(error.text).toContain(named);
  await expectNoWorkers(page);
}

/** Expects the model's small files to be stored, and nothing of its weights. */
async function expectNoWeights(page: Page): Promise<void> {
  const { files, strayChunks } = await storedWeights(page);
  expect(files, 'the files before it are stored').toContain('config.json');
  expect(files).not.toContain('model.safetensors');
  expect(strayChunks).toBe(0);
}

test('files that are missing, damaged or do not fit are named, and nothing half-written stays', async ({
  page,
  baseURL,
}) => {
  const server = await serveWithFaults(baseURL ?? '');
  const weights = await server.original('embedded/model/model.safetensors');
  const rows = JSON.parse(
    new TextDecoder().decode(await server.original('embedded/tasks/CL_Benchmark/TC/gloss/train.json')),
  ) as object[];
  // A broken connection is retried for half a minute: in the worker, time passes 20 times as fast.
  await page.route(/\/assets\/(ahead|train)-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    const hurry = 'const later = setTimeout; self.setTimeout = (work, ms) => later(work, ms / 20);';
    await route.fulfill({ response, body: `${hurry}\n${await response.text()}` });
  });
  await openWorkbench(page, server.url);
  await choose(page, TINY);

  await test.step('a server that answers with a web page', async () => {
    const config = 'embedded/model/config.json';
    server.fault(config, { ...WEB_PAGE, status: 404 });
    await expectFailure(page, 'weights/not-found', config);
    server.fault(config, WEB_PAGE);
    await expectFailure(page, 'weights/html', config);
    server.fault(config, null);
    expect(await storedWeights(page)).toEqual({ files: [], strayChunks: 0, begunChunks: 0 });
  });

  for (const [what, answer, code] of [
    ['a connection that breaks', { body: weights, breaks: true }, 'weights/interrupted'],
    ['a file cut short', { body: weights.slice(0, weights.length / 2) }, 'weights/incomplete-file'],
    ['a damaged header', { body: weights.slice().fill(0x55, 8, 12) }, 'weights/invalid-header'],
  ] as const) {
    await test.step(what, async () => {
      server.fault('embedded/model/model.safetensors', answer);
      await expectFailure(page, code, 'model.safetensors');
      await expectNoWeights(page);
      server.fault('embedded/model/model.safetensors', null);
    });
  }

  await test.step('weights of another model', async () => {
    const renamed = weights.slice();
    const at = new TextDecoder('latin1').decode(weights).indexOf('"shared.weight"');
    expect(at).toBeGreaterThan(0);
    renamed.set(utf8('"shaped.weight"'), at);
    server.fault('embedded/model/model.safetensors', { body: renamed });
    await expectFailure(page, 'model/missing-tensor', 'shared.weight');
    // Any of the files may be the wrong one, so none stays. To count tokens the page may be reading the small ones again.
    const { files, strayChunks } = await storedWeights(page);
    expect(files).not.toContain('model.safetensors');
    expect(strayChunks).toBe(0);
    server.fault('embedded/model/model.safetensors', null);
  });

  await test.step('malformed task files', async () => {
    const file = 'CL_Benchmark/TC/gloss/train.json';
    server.fault(`embedded/tasks/${file}`, { body: utf8(JSON.stringify(rows).slice(0, -9)) });
    await expectFailure(page, 'tasks/malformed-json', file);
    server.fault(`embedded/tasks/${file}`, { body: utf8(JSON.stringify([rows[0], { sentence: 'no label' }])) });
    await expectFailure(page, 'tasks/wrong-shape', `${file}, row 2, field "label"`);
    server.fault(`embedded/tasks/${file}`, null);
  });

  await test.step('without the faults, the same page trains', async () => {
    await start(page);
    await waitForStep(page, 1);
    await expect(page.getByTestId('error-panel')).toBeHidden();
    const { files, strayChunks } = await storedWeights(page);
    expect(files).toContain('model.safetensors');
    expect(strayChunks).toBe(0);
  });
  await page.unrouteAll({ behavior: 'ignoreErrors' }); // a worker may still be loading
  await server.close();
});

test('a browser without room for the weights stores nothing of them, and trains once there is room', async ({
  page,
  baseURL,
}) => {
  const { origin } = new URL(baseURL ?? '');
  const cdp = await page.context().newCDPSession(page);
  // Set before anything is stored: Chromium caches the quota it found for half a minute.
  await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2 ** 20 });
  // Chromium reports a quota of its own that does not follow the disk.
  await page.addInitScript((quota) => {
    navigator.storage.estimate = () => Promise.resolve({ usage: quota - 10_000, quota });
  }, 2 ** 20);
  await openWorkbench(page);
  await choose(page, TINY);
  await expect(page.getByTestId('room'), 'said before the start').toContainText(
    /with the checkpoints of the run; the browser reports only .* left\. Remove base models under Models/,
  );
  await expectFailure(page, 'store/quota', 'model.safetensors');
  await expectNoWeights(page);
  await cdp.send('Storage.overrideQuotaForOrigin', { origin });
  await start(page);
  await waitForStep(page, 1);
});

test('a browser that is full when rounds are saved loses neither them nor the checkpoints, in any tab @slow', async ({
  page,
  context,
  baseURL,
}) => {
  test.setTimeout(120_000);
  const { origin } = new URL(baseURL ?? '');
  const cdp = await context.newCDPSession(page);
  const quotaSize = 2 ** 26;
  await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
  const other = await context.newPage();
  const warnings = (tab: Page) => tab.getByTestId('warnings');
  for (const tab of [page, other]) {
    await openWorkbench(tab);
    await choose(tab, { ...TINY, trainExamples: 12 });
    await startPaused(tab);
  }
  await page.evaluate(fillStorage, { quotaSize, left: 60_000 }); // not enough for a round, nor for a checkpoint
  for (const tab of [page, other]) {
    await tab.getByTestId('resume').click();
    await expect(warnings(tab)).toContainText('The files of 1-gloss could not be saved');
    await expect(warnings(tab)).toContainText('Nothing is lost: the run waits with them.');
    await waitForStatus(tab, 'paused');
  }
  const full = await storedRuns(page);
  expect(full.rounds).toEqual([]);
  expect(full.checkpoints, 'those of the pauses').toHaveLength(2);
  await other.reload();
  expect(await storedRuns(page)).toEqual(full);

  await page.evaluate(emptyStorage);
  await page.getByTestId('resume').click();
  await waitForStatus(page, 'finished');
  await other.getByTestId('resume-from-checkpoint').click();
  await waitForStatus(other, 'finished');
  await expect.poll(() => storedRuns(page)).toEqual({ rounds: ['1-gloss', '1-gloss'], checkpoints: [] });
});

/** Runs in the page: takes up its storage but for some bytes. */
async function fillStorage({ quotaSize, left }: { quotaSize: number; left: number }): Promise<void> {
  const file = await (await navigator.storage.getDirectory()).getFileHandle('filler', { create: true });
  const { usage = 0 } = await navigator.storage.estimate();
  const writable = await file.createWritable();
  await writable.write(new Uint8Array(quotaSize - usage - left));
  await writable.close();
}

/** Runs in the page: gives back what {@link fillStorage} took. */
async function emptyStorage(): Promise<void> {
  await (await navigator.storage.getDirectory()).removeEntry('filler');
}

/** The complete rounds and checkpoints in the browser's private file system. */
const storedRuns = (page: Page): Promise<{ rounds: string[]; checkpoints: string[] }> =>
  page.evaluate(async () => {
    const found = { rounds: [] as string[], checkpoints: [] as string[] };
    const walk = async (folder: FileSystemDirectoryHandle): Promise<void> => {
      for await (const [name, handle] of folder.entries()) {
        if (handle instanceof FileSystemDirectoryHandle) await walkIfThere(handle);
        else if (name === 'round.json') found.rounds.push(folder.name);
        else if (name === 'checkpoint.json') found.checkpoints.push(folder.name);
      }
    };
    // A checkpoint is removed when its run has ended, perhaps while its folder is read: then it is not stored.
    const walkIfThere = async (folder: FileSystemDirectoryHandle): Promise<void> =>
      walk(folder).catch((thrown: unknown) => {
        if (!(thrown instanceof DOMException && thrown.name === 'NotFoundError')) throw thrown;
      });
    await walk(await navigator.storage.getDirectory());
    return found;
  });
