import { expect, test } from 'vitest';
import { browserPlaces } from './browser.ts';

test('on Linux: the PATH, a browser without windows, then Chrome before Chromium before Edge', () => {
  const places = browserPlaces({ platform: 'linux', env: { PATH: '/usr/bin::/opt/bin' }, home: '/home/me' });
  expect(places.slice(0, 4)).toEqual([
    '/usr/bin/chromium-headless-shell',
    '/opt/bin/chromium-headless-shell',
    '/usr/bin/google-chrome',
    '/opt/bin/google-chrome',
  ]);
  expect(places.indexOf('/opt/bin/chromium')).toBeLessThan(places.indexOf('/usr/bin/microsoft-edge'));
  expect(places.every((place) => place.startsWith('/usr/bin/') || place.startsWith('/opt/bin/'))).toBe(true);
});

test('on macOS: the PATH, then applications of everyone and of the user', () => {
  const places = browserPlaces({ platform: 'darwin', env: { PATH: '/usr/local/bin' }, home: '/Users/me' });
  expect(places).toContain('/usr/local/bin/chromium');
  expect(places.slice(-6)).toEqual([
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Users/me/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Users/me/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
    '/Users/me/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
  ]);
});

test('on Windows: where installers put it, in the folders that there are', () => {
  const env = { ProgramFiles: 'C:\\Program Files', LocalAppData: 'C:\\Users\\me\\AppData\\Local', PATH: 'C:\\bin' };
  expect(browserPlaces({ platform: 'win32', env, home: 'C:\\Users\\me' })).toEqual([
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    'C:\\Users\\me\\AppData\\Local\\Google\\Chrome\\Application\\chrome.exe',
    'C:\\Program Files\\Chromium\\Application\\chrome.exe',
    'C:\\Users\\me\\AppData\\Local\\Chromium\\Application\\chrome.exe',
    'C:\\Program Files\\Microsoft\\Edge\\Application\\msedge.exe',
    'C:\\Users\\me\\AppData\\Local\\Microsoft\\Edge\\Application\\msedge.exe',
  ]);
});
