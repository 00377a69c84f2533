import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';
import { chromium } from '@playwright/test';

// Debian's browser without windows comes first: the end-to-end tests take a seventh less time in it.
const NAMES = [
  'chromium-headless-shell',
  'google-chrome',
  'google-chrome-stable',
  'chromium',
  'chromium-browser',
  'microsoft-edge',
];

/** The system that the places of browsers depend on. */
export interface System {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/**
 * Where a browser may be: on the PATH (not on Windows, where installers do not put it there), then where installers put
 * it. Earlier names come first, whatever the order of the PATH.
 */
export function browserPlaces({ platform, env, home }: System): string[] {
  if (platform === 'win32') {
    const folders = ['ProgramFiles', 'ProgramFiles(x86)', 'LocalAppData'].map((name) => env[name] ?? '');
    return [
      'Google\\Chrome\\Application\\chrome.exe',
      'Chromium\\Application\\chrome.exe',
      'Microsoft\\Edge\\Application\\msedge.exe',
    ].flatMap((path) => folders.filter((folder) => folder !== '').map((folder) => win32.join(folder, path)));
  }
  const onPath = NAMES.flatMap((name) =>
    (env['PATH'] ?? '')
      .split(posix.delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => posix.join(folder, name)),
  );
  if (platform !== 'darwin') return onPath;
  const applications = ['/Applications', posix.join(home, 'Applications')];
  const installed = ['Google Chrome', 'Chromium', 'Microsoft Edge'].flatMap((name) =>
    applications.map((folder) => `${folder}/${name}.app/Contents/MacOS/${name}`),
  );
  return [...onPath, ...installed];
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
 * @returns its path, or undefined if there is none.
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
  const places = browserPlaces({ platform: process.platform, env: process.env, home: homedir() });
  return [...places, chromium.executablePath()].find(starts);
}

/** As {@link findBrowser}. @throws when there is none. */
export function requireBrowser(): string {
  const found = findBrowser();
  if (found === undefined) throw new Error('No browser found. Install Chrome or Chromium, or set CHROME_PATH.');
  return found;
}
