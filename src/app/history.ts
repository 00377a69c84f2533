import { createStore, del, entries, set, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { DeviceReportSchema, MeasuresSchema, type Results } from '../run/results.ts';
import { RunSettingsSchema } from '../run/settings.ts';

/** Most runs kept; the oldest go first. */
export const KEPT_RUNS = 60;

/** What is kept of a run to compare it with later ones: all but its curves, matrices and spaces. */
const RunSummarySchema = v.strictObject({
  startedAt: v.string(),
  status: v.picklist(['finished', 'stopped', 'failed']),
  seconds: v.number(),
  version: v.string(),
  model: v.string(),
  device: v.pick(DeviceReportSchema, ['vendor', 'architecture', 'software']),
  settings: RunSettingsSchema,
  measures: v.strictObject({ exact: MeasuresSchema, ranked: MeasuresSchema }),
});
export type RunSummary = v.InferOutput<typeof RunSummarySchema>;

/** Runs of this browser; a run is known by the time it started. */
export interface RunHistory {
  /** Newest first. What an older version left and this one cannot read is skipped. */
  list(): Promise<RunSummary[]>;
  add(run: RunSummary): Promise<void>;
  remove(startedAt: string): Promise<void>;
}

/** The small part of a results file that is kept. */
export function summaryOf(results: Results): RunSummary {
  const { startedAt, status, seconds, settings, measures } = results;
  const { vendor, architecture, software } = results.device;
  return {
    startedAt,
    status,
    seconds,
    version: results.code.version,
    model: results.model.name,
    device: { vendor, architecture, software },
    settings,
    measures,
  };
}

/** A history in IndexedDB. Its promises reject where the browser refuses to store. */
export function browserHistory(): RunHistory {
  // Opened at the first use, so that a browser without IndexedDB can still show the page.
  let opened: UseStore | undefined;
  const store = (): UseStore => (opened ??= createStore('gorp-web-runs', 'runs'));
  const list = async (): Promise<RunSummary[]> => {
    const stored = await entries<string, unknown>(store());
    return stored
      .flatMap(([, value]) => {
        const parsed = v.safeParse(RunSummarySchema, value);
        return parsed.success ? [parsed.output] : [];
      })
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  };
  return {
    list,
    add: async (run) => {
      await set(run.startedAt, run, store());
      for (const old of (await list()).slice(KEPT_RUNS)) await del(old.startedAt, store());
    },
    remove: (startedAt) => del(startedAt, store()),
  };
}
