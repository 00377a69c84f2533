import { defineConfig } from '@playwright/test';
import { findBrowser } from './tools/test/browser.ts';
import { BROWSER_ARGS } from './tools/test/browser-args.ts';

// Playwright reads this file again in its workers, which inherit what is found here.
const browser = (process.env['CHROME_PATH'] ??= findBrowser() ?? '');
if (browser === '')
  throw new Error('No browser found. Install Chrome or Chromium, or set CHROME_PATH; `npm test` does it.');

// Without a locale Chromium takes file names for ASCII, and drops none with another letter on the page. Titles of tests,
// which become names of folders, have such letters.
process.env['LC_CTYPE'] ??= 'C.UTF-8';

const WEBGPU = /webgpu\.spec\.ts$/;
const port = Number(process.env['E2E_PORT'] ?? 5417);
const url = `http://localhost:${port}/`;

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  // Three tests at a time on two cores, since tests wait for a quarter of their time; of any file, so that none is left
  // to run alone at the end.
  workers: 3,
  fullyParallel: true,
  forbidOnly: process.env['CI'] !== undefined,
  retries: 0,
  timeout: 180_000,
  globalTimeout: 45 * 60_000,
  expect: { timeout: 30_000 },
  use: {
    baseURL: url,
    headless: true,
    screenshot: 'only-on-failure',
    // No trace: recording one takes a third of the suite's time. `npm run test:e2e -- --trace on` makes one.
  },
  projects: [
    {
      // Tests of WebGPU, first since they take longest. Without a GPU Chromium offers its software adapter only when
      // asked for it by these flags.
      name: 'webgpu',
      testMatch: WEBGPU,
      use: {
        launchOptions: {
          executablePath: browser,
          args: [...BROWSER_ARGS, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
        },
      },
    },
    {
      // An ordinary browser: runs compute on the CPU.
      name: 'plain',
      testIgnore: WEBGPU,
      use: { launchOptions: { executablePath: browser, args: BROWSER_ARGS } },
    },
  ],
  webServer: {
    command: `node node_modules/vite/bin/vite.js preview --host localhost --port ${port} --strictPort`,
    url,
    reuseExistingServer: false,
    timeout: 60_000,
  },
});
