import { afterEach, expect, test, vi } from 'vitest';
import { isThere } from './response-checks.ts';

const refused = (): Promise<Response> => Promise.reject(new TypeError('Failed to fetch'));
afterEach(() => vi.unstubAllGlobals());

/** A browser that reports blocked responses from these addresses shortly after observation starts. */
function reporting(...blocked: string[]): { ended: () => number } {
  let ended = 0;
  vi.stubGlobal(
    'ReportingObserver',
    class {
      readonly #tell: (reports: unknown[]) => void;

      constructor(tell: (reports: unknown[]) => void) {
        this.#tell = tell;
      }
      observe(): void {
        // As in Chromium, the fields appear only in JSON.
        const reports = blocked.map((blockedURL) => ({ body: { toJSON: () => ({ type: 'corp', blockedURL }) } }));
        if (reports.length > 0) setTimeout(() => this.#tell([{ body: null }, ...reports]), 5);
      }
      disconnect(): void {
        ended++;
      }
    },
  );
  return { ended: () => ended };
}

test('a server that answers is reachable', async () => {
  expect(await isThere('https://example.org/a', () => Promise.resolve(new Response()))).toBe(true);
});

test('a server whose answer is blocked in an isolated page is reachable', async () => {
  const { ended } = reporting('https://example.org/b');
  expect(await isThere('https://example.org/a', refused)).toBe(true);
  expect(ended()).toBe(1);
});

test('a server with neither answer nor report is unreachable', async () => {
  const { ended } = reporting('https://other.example/a');
  expect(await isThere('https://example.org/a', refused)).toBe(false);
  expect(ended()).toBe(1);
  vi.unstubAllGlobals();
  expect(await isThere('https://example.org/a', refused), 'in Node').toBe(false);
});
