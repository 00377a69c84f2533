import { Stopped } from './control.ts';

/** A part of some work that is done. The work waits until somebody lets it proceed or abandons it. */
interface Report<Part> {
  readonly part: Part;
  readonly proceed: () => void;
  readonly abandon: (reason: unknown) => void;
}

/**
 * Work that reports its parts by a callback, as a generator of these parts. The work waits at every report until the
 * next part is asked for. If the generator is closed there, the report throws {@link Stopped}, and the generator ends
 * when the work has unwound.
 *
 * @returns what the work returns.
 * @throws what the work throws.
 */
export async function* reported<Part, Result>(
  work: (report: (part: Part) => Promise<void>) => Promise<Result>,
): AsyncGenerator<Part, Result, void> {
  let tell: (report: Report<Part>) => void = () => undefined;
  const nextReport = (): Promise<Report<Part>> => new Promise((resolve) => (tell = resolve));
  let told = nextReport();
  const ended = work((part) => new Promise((proceed, abandon) => tell({ part, proceed, abandon }))).then((result) => ({
    result,
  }));
  ended.catch(() => undefined); // the race below throws it
  let open: Report<Part> | undefined;
  try {
    for (;;) {
      const next = await Promise.race([told, ended]);
      if ('result' in next) return next.result;
      open = next;
      told = nextReport();
      yield open.part;
      open.proceed();
      open = undefined;
    }
  } finally {
    open?.abandon(new Stopped());
    await ended.catch(() => undefined);
  }
}
