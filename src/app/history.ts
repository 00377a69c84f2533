import { createStore, delMany, getMany, keys, setMany, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/format-bytes.ts';
import { DeviceReportSchema, MeasuresSchema, type Results, ResultsSchema } from '../run/results.ts';
import { RunSettingsSchema } from '../run/settings.ts';
import { gunzipJson, gzipJson } from './gzip-json.ts';

/** Maximum number of runs stored; the oldest are dropped first. */
export const KEPT_RUNS = 60;
/** Bytes for the compressed full results of the latest runs; older runs have only a summary. */
export const RESULTS_BYTES = 64 * 2 ** 20;

/** A run as the table shows it: all but its curves, matrices and spaces. */
const RunSummarySchema = v.strictObject({
  /** Missing from runs of earlier versions, which are identified by their start time. */
  id: v.optional(v.string()),
  startedAt: v.string(),
  status: v.picklist(['finished', 'stopped', 'failed']),
  seconds: v.number(),
  version: v.string(),
  model: v.string(),
  device: v.strictObject({
    ...v.pick(DeviceReportSchema, ['vendor', 'architecture', 'software', 'kind', 'why']).entries,
    description: v.optional(v.string(), ''), // runs of earlier versions lack it
  }),
  settings: RunSettingsSchema,
  measures: v.strictObject({ exact: MeasuresSchema, ranked: MeasuresSchema }),
  /** Compressed size of the full results; null if only this summary is stored. */
  resultsBytes: v.optional(v.nullable(v.number()), null),
});
export type RunSummary = v.InferOutput<typeof RunSummarySchema>;

/** The runs stored in this browser. {@link runKey} identifies a run. */
export interface RunHistory {
  /** Newest first. Skips entries of older versions that this one cannot read. */
  list(): Promise<RunSummary[]>;
  /**
   * Stores a run with its full results. To make room, removes the full results of the oldest runs but not their
   * summaries.
   *
   * @throws GorpError `store/quota` if there is still no room for the results; the summary is stored anyway.
   */
  add(results: Results): Promise<void>;
  /** The full results of a run. @throws GorpError `store/no-results`, `store/unreadable-results`. */
  open(key: string): Promise<Results>;
  remove(key: string): Promise<void>;
}

/** The key of a run in this browser. */
export const runKey = ({ id, startedAt }: Pick<RunSummary, 'id' | 'startedAt'>): string => id ?? startedAt;

/** The summary of a results file. @param resultsBytes compressed size of the full results; null if not stored. */
export function summaryOf(results: Results, resultsBytes: number | null = null): RunSummary {
  const { id, startedAt, status, seconds, settings, measures } = results;
  const { vendor, architecture, description, software, kind, why } = results.device;
  return {
    ...(id !== undefined && { id }),
    startedAt,
    status,
    seconds,
    version: results.code.version,
    model: results.model.name,
    device: { vendor, architecture, description, software, kind, why },
    settings,
    measures,
    resultsBytes,
  };
}

/** Newest first. */
export const byStart = (a: RunSummary, b: RunSummary): number => b.startedAt.localeCompare(a.startedAt);

/** Key prefix of full results. They share a store with the summaries, so both are written and removed together. */
const RESULTS = 'results/';

/** A history in IndexedDB. Its promises reject if the browser refuses to store. */
export function browserHistory(room = RESULTS_BYTES): RunHistory {
  // Opened on first use, so that a browser without IndexedDB can still show the page.
  let opened: UseStore | undefined;
  const store = (): UseStore => (opened ??= createStore('gorp-web-runs', 'runs'));

  const list = async (): Promise<RunSummary[]> => {
    const summaries = (await keys<string>(store())).filter((key) => !key.startsWith(RESULTS));
    return (await getMany<unknown>(summaries, store()))
      .flatMap((value) => {
        const parsed = v.safeParse(RunSummarySchema, value);
        return parsed.success ? [parsed.output] : [];
      })
      .sort(byStart);
  };

  const remove = (all: readonly RunSummary[]): Promise<void> =>
    delMany(
      all.flatMap((run) => [runKey(run), RESULTS + runKey(run)]),
      store(),
    );

  /** Removes the full results of runs but not their summaries. */
  const shrink = async (all: readonly RunSummary[]): Promise<void> => {
    await setMany(
      all.map((run): [string, RunSummary] => [runKey(run), { ...run, resultsBytes: null }]),
      store(),
    );
    await delMany(
      all.map((run) => RESULTS + runKey(run)),
      store(),
    );
  };

  return {
    list,
    add: async (results) => {
      const packed = await gzipJson(results);
      const summary = summaryOf(results, packed.length);
      const key = runKey(summary);
      const others = (await list()).filter((run) => runKey(run) !== key);
      const whole = others.filter(({ resultsBytes }) => resultsBytes !== null);
      // Only the newest full results that fit next to this one stay.
      let left = room - packed.length;
      await shrink(whole.filter(({ resultsBytes }) => (left -= resultsBytes ?? 0) < 0));
      await remove(
        [...others, summary]
          .sort(byStart)
          .slice(KEPT_RUNS)
          .filter((run) => run !== summary),
      );
      for (;;) {
        try {
          await setMany(
            [
              [key, summary],
              [RESULTS + key, packed],
            ],
            store(),
          );
          return;
        } catch (thrown) {
          if (!isQuota(thrown)) throw thrown;
          const oldest = (await list()).findLast((run) => run.resultsBytes !== null && runKey(run) !== key);
          if (oldest === undefined) {
            await setMany([[key, summaryOf(results)]], store());
            throw noRoom(packed.length, thrown);
          }
          await shrink([oldest]);
        }
      }
    },
    open: async (key) => {
      const [packed] = await getMany<unknown>([RESULTS + key], store());
      if (!(packed instanceof Uint8Array)) throw noResults();
      const parsed = v.safeParse(ResultsSchema, await gunzipJson(packed as Uint8Array<ArrayBuffer>));
      if (parsed.success) return parsed.output;
      throw unreadable(v.getDotPath(parsed.issues[0]) ?? 'the file', parsed.issues);
    },
    remove: (key) => delMany([key, RESULTS + key], store()),
  };
}

const isQuota = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === 'QuotaExceededError';

const noRoom = (bytes: number, cause: unknown): GorpError =>
  new GorpError(
    'store/quota',
    `The browser has no room for the results of this run (${formatBytes(bytes)}): its losses, matrices and spaces are lost when the page closes.`,
    'Download the results now. Remove models or free disk space before the next run.',
    { cause },
  );

/** The error for a run with only a summary. */
export const noResults = (): GorpError =>
  new GorpError(
    'store/no-results',
    'Only the summary of this run is stored.',
    'Run its settings again to see losses and spaces.',
  );

const unreadable = (where: string, cause: unknown): GorpError =>
  new GorpError(
    'store/unreadable-results',
    `The results of this run were saved by another version and cannot be read (${where}).`,
    'Forget the run, or open it with the version that saved it.',
    { cause },
  );
