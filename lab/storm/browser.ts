import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import { preview } from 'vite';
import { choose, type Choice, openWorkbench, start } from '../../e2e/support/workbench.ts';
import { projectRoot } from '../../tools/setup/process.ts';
import { findBrowser } from '../../tools/test/browser.ts';

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
  const executablePath = findBrowser();
  if (executablePath === undefined)
    throw new Error('No browser found. Install Chrome or Chromium, or set CHROME_PATH.');
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
export async function startOrResume(page: Page, url: string, choice: Choice): Promise<number> {
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
