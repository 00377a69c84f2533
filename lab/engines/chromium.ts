/**
 * `npm run test:chromium`: the same as `test:firefox` in Chrome or Chromium, on its software adapter. The losses are
 * compared with those of Dawn in Node, which uses another adapter.
 */
import puppeteer from 'puppeteer-core';
import { requireBrowser } from '../../tools/test/browser.ts';
import { checkBrowser, RUN_LIMIT } from './page-run.ts';

const executablePath = requireBrowser();
await checkBrowser((downloads) =>
  puppeteer.launch({
    browser: 'chrome',
    executablePath,
    headless: true,
    protocolTimeout: RUN_LIMIT,
    downloadBehavior: { policy: 'allow', downloadPath: downloads },
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  }),
);
process.exit(0);
