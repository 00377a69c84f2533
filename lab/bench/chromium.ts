import { fileURLToPath } from 'node:url';
import { chromium, type Page } from '@playwright/test';
import { build, preview } from 'vite';
import { findBrowser } from '../../tools/test/browser.ts';
import type { Report } from '../../src/bench/bench.ts';
import type { Effort } from './bench.ts';
import { treeCpuMs } from './cpu-time.ts';
import type { SectionName } from './sections/index.ts';

const config = fileURLToPath(new URL('page/vite.config.ts', import.meta.url));

/** A browser with the bench page open. */
export interface BenchBrowser {
  /** Name and version. */
  readonly name: string;
  /** Vendor and name of the adapter. */
  readonly adapter: string;
  run(section: SectionName, effort: Effort): Promise<Report>;
  close(): Promise<void>;
}

/**
 * Builds the page, serves it on this machine, and opens it in headless Chrome or Chromium.
 *
 * @param hardware whether to use the machine's graphics card instead of the browser's software adapter.
 * @throws Error when no browser with WebGPU is found.
 */
export async function openChromium(hardware: boolean): Promise<BenchBrowser> {
  const executablePath = findBrowser();
  if (executablePath === undefined)
    throw new Error('No browser found. Install Chrome or Chromium, or set CHROME_PATH.');
  await build({ configFile: config, logLevel: 'error' });
  const served = await preview({ configFile: config, logLevel: 'error' });
  const adapter = hardware ? [] : ['--use-webgpu-adapter=swiftshader'];
  const launched = await chromium.launchServer({
    executablePath,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', ...adapter],
  });
  const close = async (): Promise<void> => {
    await launched.close();
    await served.close();
  };
  try {
    const browser = await chromium.connect(launched.wsEndpoint());
    const { pid = 0 } = launched.process();
    const url = served.resolvedUrls?.local[0] ?? '';
    // A new page for each section: closing the last one frees its devices.
    const inPage = async <T>(work: (page: Page) => Promise<T>): Promise<T> => {
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.exposeFunction('browserCpuMs', () => treeCpuMs(pid));
      await page.goto(url);
      await page.waitForFunction(() => 'gorpBench' in window);
      const found = await work(page);
      await page.close();
      return found;
    };
    return {
      name: `Chromium ${browser.version()}`,
      adapter: await inPage((page) => page.evaluate(() => window.gorpBench.adapter())),
      run: (section, effort) =>
        inPage((page) => page.evaluate(([name, how]) => window.gorpBench.run(name, how), [section, effort] as const)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
