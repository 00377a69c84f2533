import { afterEach, expect, test, vi } from 'vitest';
import { isThere } from './reachable.ts';

const refused = (): Promise<Response> => Promise.reject(new TypeError('Failed to fetch'));
afterEach(() => vi.unstubAllGlobals());

/** A browser that reports blocked answers of these addresses, a moment after they were observed. */
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
        // As in Chromium, the fields are there in JSON only.
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

test('a server that answers is there', async () => {
  expect(await isThere('https://example.org/a', () => Promise.resolve(new Response()))).toBe(true);
});

test('one whose answer an isolated page may not have is there too', async () => {
  const { ended } = reporting('https://example.org/b');
  expect(await isThere('https://example.org/a', refused)).toBe(true);
  expect(ended()).toBe(1);
});

test('no answer and no report of this server means nobody is there', async () => {
  const { ended } = reporting('https://other.example/a');
  expect(await isThere('https://example.org/a', refused)).toBe(false);
  expect(ended()).toBe(1);
  vi.unstubAllGlobals();
  expect(await isThere('https://example.org/a', refused), 'in Node').toBe(false);
});
