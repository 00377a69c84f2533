import * as v from 'valibot';

/** Milliseconds that a browser may take to report a request that the page's policy has blocked. */
const REPORT_MS = 500;

/**
 * Whether a server is there although a page may not read from it. A request that asks for nothing to be read shows it.
 * In an isolated page (COEP `require-corp`) its answer is blocked too; the browser then reports the block, which it does
 * not where there was no answer.
 */
export async function isThere(url: string, fetch: typeof globalThis.fetch): Promise<boolean> {
  const watch = watchBlocks(new URL(url).origin);
  try {
    await fetch(url, { mode: 'no-cors', method: 'HEAD', cache: 'no-store' });
    return true;
  } catch {
    return await watch.hasBlocked();
  } finally {
    watch.end();
  }
}

/** A COEP report as JSON: Chromium's report bodies show their fields in no other form. */
const BlockSchema = v.object({ body: v.object({ blockedURL: v.pipe(v.string(), v.url()) }) });

/** Watches for answers of a server that the embedder policy blocks. Node, and browsers without reports, tell of none. */
function watchBlocks(origin: string): { hasBlocked(): Promise<boolean>; end(): void } {
  if (globalThis.ReportingObserver === undefined) return { hasBlocked: () => Promise.resolve(false), end: () => {} };
  let told = (): void => undefined;
  const blocked = new Promise<true>((resolve) => (told = () => resolve(true)));
  const observer = new ReportingObserver(
    (reports) => {
      for (const report of reports) {
        const parsed = v.safeParse(BlockSchema, JSON.parse(JSON.stringify(report)));
        if (parsed.success && new URL(parsed.output.body.blockedURL).origin === origin) told();
      }
    },
    { types: ['coep'] },
  );
  observer.observe();
  return {
    hasBlocked: () =>
      Promise.race([blocked, new Promise<false>((resolve) => setTimeout(() => resolve(false), REPORT_MS))]),
    end: () => observer.disconnect(),
  };
}
