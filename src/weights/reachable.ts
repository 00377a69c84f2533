import * as v from 'valibot';

/** Milliseconds to wait for the browser's report of a blocked request. */
const REPORT_MS = 500;

/**
 * Whether a server is reachable even if a page may not read from it, as a `no-cors` request shows. An isolated page
 * (COEP `require-corp`) blocks that response too, but the browser reports the block only if there was a response.
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

/** A COEP report as JSON, the only form in which Chromium's report bodies show their fields. */
const BlockSchema = v.object({ body: v.object({ blockedURL: v.pipe(v.string(), v.url()) }) });

/** Watches for a server's responses that the embedder policy blocks. Node and browsers without reports see none. */
function watchBlocks(origin: string): { hasBlocked(): Promise<boolean>; end(): void } {
  if (globalThis.ReportingObserver === undefined) return { hasBlocked: () => Promise.resolve(false), end: () => {} };
  let setBlocked = (): void => undefined;
  const blocked = new Promise<true>((resolve) => (setBlocked = () => resolve(true)));
  const observer = new ReportingObserver(
    (reports) => {
      for (const report of reports) {
        const parsed = v.safeParse(BlockSchema, JSON.parse(JSON.stringify(report)));
        if (parsed.success && new URL(parsed.output.body.blockedURL).origin === origin) setBlocked();
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
