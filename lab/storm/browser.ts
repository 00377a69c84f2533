import { type BrowserContext, chromium, type Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { preview } from 'vite';
import {
  type Choice,
  choose,
  downloadResults,
  openWorkbench,
  start,
  waitForStatus,
} from '../../e2e/support/workbench.ts';
import { projectRoot } from '../../tools/setup/process.ts';
import { requireBrowser } from '../../tools/test/browser.ts';
import { differences, type Outcome, type Storm, type StormOptions } from './storm.ts';

const WEBGPU = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--disable-gpu-process-crash-limit', // it switches the GPU off after a few crashes
];

/** The built app, in a browser whose profile survives closing it. */
export interface StormBrowser {
  readonly url: string;
  /** Opens a new browser, in place of the last one. @param flags of Chromium. */
  open(device: 'cpu' | 'gpu', flags?: readonly string[]): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** @throws if no browser is found or the app is not built. */
export async function stormBrowser(): Promise<StormBrowser> {
  const executablePath = requireBrowser();
  const profile = await mkdtemp(join(tmpdir(), 'gorp-storm-'));
  const server = await preview({ root: projectRoot, preview: { port: 0, host: 'localhost' }, logLevel: 'error' });
  let context: BrowserContext | undefined;
  const end = async (): Promise<void> => {
    await context?.close();
    context = undefined;
  };
  return {
    url: server.resolvedUrls?.local[0] ?? '',
    open: async (device, flags = []) => {
      await end();
      const args = ['--no-sandbox', ...(device === 'gpu' ? WEBGPU : []), ...flags];
      context = await chromium.launchPersistentContext(profile, { executablePath, args });
      await context.addInitScript(saveEverySecond);
      await context.addInitScript((chosen) => localStorage.setItem('gorp-web-device', chosen), device);
      return context;
    },
    close: async () => {
      await end();
      await server.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Runs in the page: a page saves at most once a minute, and the runs of a storm take less. */
function saveEverySecond(): void {
  // oxlint-disable-next-line typescript/unbound-method -- it is called on its worker
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, message: unknown, ...rest: unknown[]): void {
    const { argument } = message as { argument?: { checkpoints?: { everySeconds: number } } };
    if (argument?.checkpoints) argument.checkpoints.everySeconds = 1;
    Reflect.apply(postMessage, this, [message, ...rest]);
  };
}

/** Starts a run, or resumes the interrupted one. @returns the step that it resumes at; 0 for a new run. */
async function startOrResume(page: Page, url: string, choice: Choice): Promise<number> {
  await openWorkbench(page, url);
  const resume = page.getByTestId('resume-from-checkpoint');
  // A worker looks for checkpoints, which may take a moment.
  const isThere = await resume.waitFor({ timeout: 5000 }).then(
    () => true,
    () => false,
  );
  if (isThere) {
    const step = Number(/\d+/.exec(await resume.innerText())?.[0] ?? 0);
    await resume.click();
    return step;
  }
  await choose(page, choice);
  await start(page);
  return 0;
}

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
