import { createStore, delMany, getMany, keys, setMany, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { formatBytes } from '../../base/units.ts';
import { sha256Of } from '../../base/sha256.ts';
import { generalTextChange } from '../../run/results/known-before.ts';
import { measuresOf } from '../../run/results/measures.ts';
import {
  AllMeasuresSchema,
  DeviceReportSchema,
  MeasuresSchema,
  type Results,
  ResultsSchema,
  type RunLabel,
  labelOf,
  ownSeconds,
  storedLabel,
  withLabel,
} from '../../run/results/results.ts';
import { MOST_NAME, MOST_NOTES } from '../../run/settings/results-bounds.ts';
import { countsByOwnScores } from '../../tasks/forms.ts';
import { RunSettingsSchema } from '../../run/settings/settings.ts';
import type { PageRun } from './run-state.ts';
import { measuresIn, type ScoreView } from './scores.ts';

const same = (a: string, b: string): boolean => a.localeCompare(b, 'en', { sensitivity: 'accent' }) === 0;

/**
 * A label without spaces around it.
 *
 * @param names those of all other runs.
 * @throws GorpError `run/name-taken` if another run has the name, `run/label-too-long`.
 */
export function checkedLabel(label: RunLabel, names: readonly string[]): RunLabel {
  const [name, notes] = [label.name.trim().replaceAll(/\s+/g, ' '), label.notes.trim()];
  if (name.length > MOST_NAME || notes.length > MOST_NOTES) {
    throw new GorpError(
      'run/label-too-long',
      name.length > MOST_NAME
        ? `The name has ${name.length} letters, more than ${MOST_NAME}.`
        : `The notes have ${notes.length} letters, more than ${MOST_NOTES}.`,
      'Shorten it.',
    );
  }
  const free = freeName(name, names);
  if (free !== name) {
    throw new GorpError(
      'run/name-taken',
      `Another run is called “${name}”.`,
      `Choose another name, such as “${free}”.`,
    );
  }
  return { name, notes };
}

/** The name if no other run has it, else the name with the first number that makes it free. No name is always free. */
function freeName(name: string, names: readonly string[]): string {
  const isFree = (wanted: string): boolean => !names.some((one) => same(one, wanted));
  if (name === '' || isFree(name)) return name;
  let number = 2;
  while (!isFree(`${name} ${number}`)) number++;
  return `${name} ${number}`;
}

/** Plain data as compressed JSON. Both directions use the browser's streams, off the page's thread. */
export async function gzipJson(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([JSON.stringify(value)]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads what {@link gzipJson} wrote. @throws on any other bytes. */
async function gunzipJson(bytes: Uint8Array<ArrayBuffer>): Promise<unknown> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text()) as unknown;
}

/** A run as the table shows it: all but its curves, matrices and spaces. */
const RunSummarySchema = v.strictObject({
  /** Missing from runs of earlier versions, which are identified by their start time. */
  id: v.optional(v.string()),
  /** Names the content of a results file that a person added; a run of this browser has none. */
  file: v.optional(v.string()),
  /** The name and the notes that a person gave the run. */
  name: v.exactOptional(v.string()),
  notes: v.exactOptional(v.string()),
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
  measures: AllMeasuresSchema,
  /** By each task's main score, and whether that is a loss; missing if it is exact match. */
  main: v.exactOptional(v.strictObject({ measures: MeasuresSchema, isLoss: v.boolean() })),
  /** Nats a token on general text before training and in the last round; missing if it was not measured. */
  generalText: v.exactOptional(v.strictObject({ before: v.number(), now: v.number() })),
  /** Compressed size of the full results; null if only this summary is stored. */
  resultsBytes: v.optional(v.nullable(v.number()), null),
});
export type RunSummary = v.InferOutput<typeof RunSummarySchema>;

/** The runs stored in this browser, as the page knows them. */
export interface HistorySlice {
  /** Newest first. */
  readonly history: readonly RunSummary[];
  /** Keys of stored runs that this version of the page cannot read. */
  readonly unreadRuns: readonly string[];
  /** Why a run could not be stored, opened or forgotten. */
  readonly historyProblem: string | null;
}

export const historySlice: HistorySlice = { history: [], unreadRuns: [], historyProblem: null };

/** The stored runs, as they are listed. */
interface ListedRuns {
  /** Newest first. */
  runs: RunSummary[];
  /** Keys of runs that another version of the page has stored, and this one cannot read. They stay, too. */
  unread: string[];
}

/** The runs stored in this browser. {@link runKey} identifies a run. */
export interface RunHistory {
  list(): Promise<ListedRuns>;
  /**
   * Stores a run of this browser with its full results, in place of what it stored of the same run before. Removes
   * nothing else: what is stored goes only when the person forgets it.
   *
   * @returns the results, with a number after their name if another run has got it meanwhile, in another tab.
   * @throws GorpError `store/quota` if there is no room for the results. Then the summary is stored alone, or what was
   *   stored of the run before it resumed stays.
   */
  add(results: Results): Promise<Results>;
  /** Names a stored run. @throws GorpError as {@link checkedLabel} and {@link open}; `store/quota`, the run unchanged. */
  label(key: string, label: RunLabel): Promise<RunLabel>;
  /**
   * Stores a results file that the person added, beside the runs of this browser, also if it has the id of one.
   *
   * @returns its key: that of the run itself if the file is a copy of what is stored of it.
   * @throws GorpError as {@link add}.
   */
  take(results: Results): Promise<string>;
  /** The full results of a run. @throws GorpError `store/no-results`, `store/unreadable-results`. */
  open(key: string): Promise<Results>;
  remove(key: string): Promise<void>;
}

/** The key of a run in this browser. */
export const runKey = ({ id, startedAt, file }: Pick<RunSummary, 'id' | 'startedAt' | 'file'>): string =>
  file === undefined ? (id ?? startedAt) : FILE + file;

/** The key of the run on the page; null if it has no results yet, or if they are somebody else's. */
export function shownKey({ key, results, sharedAs }: Pick<PageRun, 'key' | 'results' | 'sharedAs'>): string | null {
  return results === null || sharedAs !== null ? null : (key ?? runKey(results));
}

/** Key prefix of files that a person added. */
const FILE = 'file/';

/** The summary of a results file. @param resultsBytes compressed size of the full results; null if not stored. */
export function summaryOf(results: Results, resultsBytes: number | null = null): RunSummary {
  const { id, startedAt, status, settings, measures } = results;
  const label = storedLabel(labelOf(results));
  const { vendor, architecture, description, software, kind, why } = results.device;
  const text = generalTextChange(results);
  return {
    ...(id !== undefined && { id }),
    ...label,
    startedAt,
    status,
    seconds: ownSeconds(results),
    version: results.code.version,
    model: results.model.name,
    device: { vendor, architecture, description, software, kind, why },
    settings,
    measures,
    ...(countsByOwnScores(results.tasks) && { main: mainOf(results) }),
    ...(text !== null && { generalText: { before: text.before.loss, now: text.now.loss } }),
    resultsBytes,
  };
}

function mainOf(results: Results): NonNullable<RunSummary['main']> {
  const { measures, isLoss } = measuresIn(results, 'main');
  return { measures, isLoss };
}

/** The measures of a stored run by the score of a view; none if it lacks that score. */
export function measuresShown({ measures, main }: RunSummary, view: ScoreView): NonNullable<RunSummary['main']> {
  if (view === 'main') return main ?? { measures: measures.exact, isLoss: false };
  return { measures: measures[view] ?? measuresOf([]), isLoss: view === 'loss' };
}

/** The names of all runs but one. */
export const otherNames = (key: string, runs: readonly RunSummary[]): string[] =>
  runs.filter((run) => runKey(run) !== key).flatMap(({ name }) => name ?? []);

/** Results with a number after their name if another run has it. */
export function withFreeName(results: Results, runs: readonly RunSummary[]): Results {
  const { name, notes } = labelOf(results);
  return withLabel(results, { name: freeName(name, otherNames(runKey(results), runs)), notes });
}

/** Newest first. */
export const byStart = (a: RunSummary, b: RunSummary): number => b.startedAt.localeCompare(a.startedAt);

/** Key prefix of full results. They share a store with the summaries, so both are written and removed together. */
const RESULTS = 'results/';

/** A history in IndexedDB. Its promises reject if the browser refuses to store. */
export function browserHistory(): RunHistory {
  // Opened on first use, so that a browser without IndexedDB can still show the page.
  let opened: UseStore | undefined;
  const store = (): UseStore => (opened ??= createStore('gorp-web-runs', 'runs'));

  const list = async (): Promise<ListedRuns> => {
    const stored = (await keys<string>(store())).filter((key) => !key.startsWith(RESULTS));
    const values = await getMany<unknown>(stored, store());
    const runs: RunSummary[] = [];
    const unread: string[] = [];
    for (const [i, key] of stored.entries()) {
      const parsed = v.safeParse(RunSummarySchema, values[i]);
      if (parsed.success) runs.push(parsed.output);
      else if (values[i] !== undefined) unread.push(key); // another tab may have removed it meanwhile
    }
    return { runs: runs.sort(byStart), unread };
  };

  /** The stored form of a run. @param file as in {@link RunSummary}. */
  const stored = async (results: Results, file?: string): Promise<{ summary: RunSummary; packed: Uint8Array }> => {
    const packed = await gzipJson(results);
    return { packed, summary: { ...summaryOf(results, packed.length), ...(file !== undefined && { file }) } };
  };

  const put = async (results: Results, file?: string): Promise<string> => {
    const { summary, packed } = await stored(results, file);
    const key = runKey(summary);
    try {
      await setMany(entriesOf(key, summary, packed), store());
    } catch (thrown) {
      if (!isQuota(thrown)) throw thrown;
      const [earlier] = await getMany<unknown>([RESULTS + key], store());
      if (earlier !== undefined) throw noRoom(packed.length, RESUMED, thrown);
      await setMany([[key, { ...summary, resultsBytes: null }]], store());
      throw noRoom(packed.length, 'its losses, matrices and spaces are', thrown);
    }
    return key;
  };

  const open = async (key: string): Promise<Results> => {
    const [packed] = await getMany<unknown>([RESULTS + key], store());
    if (!(packed instanceof Uint8Array)) throw noResults();
    const parsed = v.safeParse(ResultsSchema, await gunzipJson(packed as Uint8Array<ArrayBuffer>));
    if (parsed.success) return parsed.output;
    throw unreadable(v.getDotPath(parsed.issues[0]) ?? 'the file', parsed.issues);
  };

  return {
    list,
    add: async (results) => {
      const labelled = withFreeName(results, (await list()).runs);
      await put(labelled);
      return labelled;
    },
    label: async (key, wanted) => {
      const label = checkedLabel(wanted, otherNames(key, (await list()).runs));
      const file = key.startsWith(FILE) ? key.slice(FILE.length) : undefined;
      const { summary, packed } = await stored(withLabel(await open(key), label), file);
      try {
        await setMany(entriesOf(key, summary, packed), store());
      } catch (thrown) {
        throw isQuota(thrown) ? noRoomForName(thrown) : thrown;
      }
      return label;
    },
    take: async (results) => {
      const given = v.parse(ResultsSchema, results);
      const content = (one: Results): string => JSON.stringify({ ...one, name: '', notes: '' });
      const [own] = await getMany<unknown>([RESULTS + runKey(results)], store());
      if (own instanceof Uint8Array) {
        const stored = v.safeParse(ResultsSchema, await gunzipJson(own as Uint8Array<ArrayBuffer>));
        if (stored.success && content(stored.output) === content(given)) return runKey(results);
      }
      return put(results, await sha256Of(new TextEncoder().encode(JSON.stringify(given))));
    },
    open,
    remove: (key) => delMany([key, RESULTS + key], store()),
  };
}

const entriesOf = (key: string, summary: RunSummary, packed: Uint8Array): [string, unknown][] => [
  [RESULTS + key, packed],
  [key, summary],
];

const RESUMED = 'it stores them as they were before the run resumed, and what came after is';

const isQuota = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === 'QuotaExceededError';

const noRoom = (bytes: number, lost: string, cause: unknown): GorpError =>
  new GorpError(
    'store/quota',
    `The browser has no room for the results of this run (${formatBytes(bytes)}): ${lost} lost when the page closes.`,
    'Download the results now. Forget runs, remove models or free disk space before the next run.',
    { cause },
  );

const noRoomForName = (cause: unknown): GorpError =>
  new GorpError(
    'store/quota',
    'The browser has no room to store the name and the notes of this run. The run is stored as it was.',
    'Forget runs, remove models or free disk space, and name it again.',
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
