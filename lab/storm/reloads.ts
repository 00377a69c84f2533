import { setTimeout as wait } from 'node:timers/promises';
import { downloadResults, waitForStatus } from '../../e2e/support/workbench.ts';
import { startOrResume, stormBrowser } from './browser.ts';
import { differences } from './same-results.ts';
import type { Outcome, Storm, StormOptions } from './storm.ts';

const CHOICE = { method: 'gorp-plus', trainExamples: 120, testExamples: 8, batchSize: 4 };

/** Reloads the page at random moments of runs, and resumes them with one click. */
export const reloads: Storm = {
  whole: 20,
  what: 'the page is reloaded at a random moment of a run, then resumed with _Resume at step N_',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    const browser = await stormBrowser();
    const problems: string[] = [];
    try {
      const page = await (await browser.open('cpu')).newPage();
      page.on('dialog', (dialog) => void dialog.accept()); // the browser warns that the run would be lost
      const begun = performance.now();
      await startOrResume(page, browser.url, CHOICE);
      await waitForStatus(page, 'finished', 600_000);
      const whole = performance.now() - begun;
      const { results: expected } = await downloadResults(page);
      let [done, runs, wentOn] = [0, 0, 0];
      while (done < count) {
        runs++;
        let saved = await startOrResume(page, browser.url, CHOICE);
        for (;;) {
          const lives = done < count ? whole * random() : Infinity;
          const isOver = await Promise.race([
            waitForStatus(page, 'finished', 600_000).then(() => true),
            Number.isFinite(lives) ? wait(lives, false) : new Promise<never>(() => undefined),
          ]);
          if (isOver) break;
          done++;
          const step = await startOrResume(page, browser.url, CHOICE);
          if (step < saved) problems.push(`reload ${done}: ${saved} steps were saved, now ${step}`);
          if (step > 0) wentOn++;
          saved = step;
          note(`reload ${done} of run ${runs}: resumed at step ${step}`);
        }
        const { results } = await downloadResults(page);
        problems.push(...differences(expected, results).map((one) => `run ${runs}: ${one}`));
      }
      const figures = `${runs} runs of ${expected.curves.step.length} steps finished, resumed ${wentOn} times from a checkpoint; losses, matrices and spaces equal those of an uninterrupted run bit for bit`;
      return { figures, problems };
    } finally {
      await browser.close();
    }
  },
};
