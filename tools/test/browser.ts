import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium } from '@playwright/test';

const NAMES = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'microsoft-edge'];

/** Where installers put Chrome, Chromium and Edge on systems that do not have them on the PATH. */
function usualPlaces(): string[] {
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].flatMap((name) =>
      ['/Applications', join(homedir(), 'Applications')].map(
        (folder) => `${folder}/${name}.app/Contents/MacOS/${name}`,
      ),
    );
  }
  if (process.platform === 'win32') {
    const folders = ['ProgramFiles', 'ProgramFiles(x86)', 'LocalAppData'].map((name) => process.env[name] ?? '');
    return [
      'Google\\Chrome\\Application\\chrome.exe',
      'Chromium\\Application\\chrome.exe',
      'Microsoft\\Edge\\Application\\msedge.exe',
    ].flatMap((path) => folders.filter((folder) => folder !== '').map((folder) => join(folder, path)));
  }
  return [];
}

/** Whether a browser starts. A name on the PATH may be a stand-in that only says what to install (Ubuntu). */
function starts(path: string): boolean {
  if (!existsSync(path)) return false;
  // On Windows `--version` opens a window in place of printing.
  if (process.platform === 'win32') return true;
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  return status === 0 && /chrom|edge/i.test(stdout);
}

/**
 * The browser for the end-to-end tests: CHROME_PATH, then the PATH, the usual places, Playwright's own download.
 * @returns its path, or undefined where there is none.
 * @throws when CHROME_PATH names something that does not start: it was asked for, so nothing else will do.
 */
export function findBrowser(): string | undefined {
  const asked = process.env['CHROME_PATH'];
  if (asked !== undefined && asked !== '') {
    if (starts(asked)) return asked;
    throw new Error(
      `CHROME_PATH is "${asked}", which does not start. Correct it, or unset it to have a browser found.`,
    );
  }
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && process.platform !== 'win32')
    .flatMap((folder) => NAMES.map((name) => join(folder, name)));
  // The PATH's order of folders matters less than which browser it is: Chrome before Chromium before Edge.
  const byName = onPath.sort(
    (a, b) => NAMES.findIndex((n) => a.endsWith(`/${n}`)) - NAMES.findIndex((n) => b.endsWith(`/${n}`)),
  );
  return [...byName, ...usualPlaces(), chromium.executablePath()].find(starts);
}
