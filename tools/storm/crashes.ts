import { setTimeout as wait } from 'node:timers/promises';
import type { BrowserContext, Page } from '@playwright/test';
import { downloadResults, waitForStatus } from '../../e2e/support/workbench.ts';
import type { Results } from '../../src/run/results.ts';
import { beginOrGoOn, type StormBrowser, stormBrowser } from './browser.ts';
import { differences } from './same-results.ts';
import type { Outcome, Storm, StormOptions } from './storm.ts';

const CHOICE = { method: 'gorp-plus', leaveOut: ['field'], trainExamples: 48, testExamples: 4, batchSize: 2 };
/** Runs within which a device's kernels must be known: from then on, a repeated run gives the same losses. */
const RUNS_TO_SETTLE = 8;

/** Crashes the GPU process at random moments of runs, which resume by themselves. */
export const crashes: Storm = {
  whole: 20,
  what: 'the GPU process crashes at a random moment of a run on WebGPU',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    const browser = await stormBrowser();
    const problems: string[] = [];
    try {
      const { expected, milliseconds } = await settled(browser, note);
      let recovered = 0;
      for (let crash = 1; crash <= count; crash++) {
        const results = await oneRun(browser, async (context) => {
          await wait(milliseconds * random());
          await crashGpuProcess(context);
        });
        const breaks = (results.breaks ?? []).filter(({ cause }) => cause === 'device-lost');
        if (breaks.length > 0) recovered++;
        const faults = differences(expected, results).map((one) => `crash ${crash}: ${one}`);
        problems.push(...faults);
        const resumed = breaks.length === 0 ? 'no device was lost' : `resumed at step ${breaks[0].step}`;
        note(`crash ${crash}: ${resumed}, ${faults.length} problems`);
      }
      const figures = `${count} runs of ${expected.curves.step.length} steps finished, ${recovered} of them lost their device and resumed by themselves; losses, matrices and spaces equal those of an uninterrupted run bit for bit`;
      return { figures, problems };
    } finally {
      await browser.close();
    }
  },
};

/** Repeats a run until it gives the same results twice, because every kernel is known then. @throws if it never does. */
async function settled(
  browser: StormBrowser,
  note: StormOptions['note'],
): Promise<{ expected: Results; milliseconds: number }> {
  let before = await oneRun(browser);
  for (let run = 2; run <= RUNS_TO_SETTLE; run++) {
    const begun = performance.now();
    const expected = await oneRun(browser);
    if (differences(before, expected).length === 0) return { expected, milliseconds: performance.now() - begun };
    note(`run ${run} differs from the one before: not every kernel was known yet`);
    before = expected;
  }
  throw new Error(`Not every kernel is known after ${RUNS_TO_SETTLE} runs.`);
}

/** A whole run, in a new browser. @param disturb happens during the run. */
async function oneRun(
  browser: StormBrowser,
  disturb: (context: BrowserContext) => Promise<void> = () => Promise.resolve(),
): Promise<Results> {
  const context = await browser.open('gpu');
  const page: Page = await context.newPage();
  await beginOrGoOn(page, browser.url, CHOICE);
  await Promise.all([waitForStatus(page, 'finished', 900_000), disturb(context)]);
  return (await downloadResults(page)).results;
}

async function crashGpuProcess(context: BrowserContext): Promise<void> {
  const browser = context.browser();
  if (browser === null) throw new Error('The context has no browser to ask.');
  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
  await session.detach();
}
