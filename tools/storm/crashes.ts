import { setTimeout as wait } from 'node:timers/promises';
import type { BrowserContext, Page } from '@playwright/test';
import { downloadResults, waitForStatus } from '../../e2e/support/workbench.ts';
import type { Results } from '../../src/run/results.ts';
import { beginOrGoOn, type StormBrowser, stormBrowser } from './browser.ts';
import { differences } from './same-results.ts';
import type { Outcome, Storm, StormOptions } from './storm.ts';

const CHOICE = { method: 'gorp-plus', leaveOut: ['field'], trainExamples: 48, testExamples: 4, batchSize: 2 };

/** Crashes the GPU process at random moments of runs, which go on by themselves. */
export const crashes: Storm = {
  whole: 20,
  what: 'crash of the GPU process at a random moment of a run on WebGPU',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    const browser = await stormBrowser();
    const problems: string[] = [];
    try {
      await oneRun(browser); // kernels are chosen in the first
      const begun = performance.now();
      const expected = await oneRun(browser);
      const whole = performance.now() - begun;
      let [done, recovered] = [0, 0];
      for (; done < count; done++) {
        const results = await oneRun(browser, async (context) => {
          await wait(whole * random());
          await crashGpuProcess(context);
        });
        recovered += (results.breaks ?? []).filter(({ cause }) => cause === 'device-lost').length;
        problems.push(...differences(expected, results).map((one) => `crash ${done + 1}: ${one}`));
        note(`crash ${done + 1}: ${JSON.stringify(results.breaks)}`);
      }
      const figures = `${done} runs of ${expected.curves.step.length} steps came to their end, ${recovered} lost their device and went on by themselves; losses and matrices bit for bit those of a run without a break`;
      return { figures, problems };
    } finally {
      await browser.close();
    }
  },
};

/** A run to its end, in the browser opened anew. */
async function oneRun(
  browser: StormBrowser,
  blow: (context: BrowserContext) => Promise<void> = () => Promise.resolve(),
): Promise<Results> {
  const context = await browser.open('gpu');
  const page: Page = await context.newPage();
  await beginOrGoOn(page, browser.url, CHOICE);
  await Promise.all([waitForStatus(page, 'finished', 900_000), blow(context)]);
  return (await downloadResults(page)).results;
}

/** By the address that Chromium has for it. */
async function crashGpuProcess(context: BrowserContext): Promise<void> {
  const page = await context.newPage();
  await page.goto('chrome://gpucrash').catch(() => undefined); // which never answers
  await page.close();
}
