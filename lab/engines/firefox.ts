/**
 * `npm run test:firefox`: runs the quick preset to its end on the page in Firefox, and checks the results file. It uses
 * the system's Firefox (or FIREFOX_PATH), driven by WebDriver BiDi. The losses are compared with those of Dawn in Node.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer from 'puppeteer-core';
import { checkBrowser, RUN_LIMIT } from './page-run.ts';

const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/Applications/Firefox.app/Contents/MacOS'];
const candidates = folders.flatMap((folder) =>
  ['firefox', 'firefox-esr', 'firefox.exe'].map((name) => join(folder, name)),
);

function findFirefox(): string {
  const found = process.env['FIREFOX_PATH'] ?? candidates.find((path) => existsSync(path));
  if (found !== undefined && existsSync(found)) return found;
  throw new Error('There is no Firefox. Install it (Debian: apt-get install firefox-esr), or name it by FIREFOX_PATH.');
}

const executablePath = findFirefox();
await checkBrowser((downloads) =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    protocolTimeout: RUN_LIMIT,
    extraPrefsFirefox: {
      'dom.webgpu.enabled': true,
      'gfx.webgpu.ignore-blocklist': true, // software adapters are on it
      'browser.download.folderList': 2,
      'browser.download.dir': downloads,
      'browser.download.useDownloadDir': true,
      'browser.helperApps.neverAsk.saveToDisk': 'application/json',
    },
  }),
);
process.exit(0);
