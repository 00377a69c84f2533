import { GorpError } from '../base/errors.ts';
import { sha256Of } from '../base/sha256.ts';
import type { Patience } from './connection.ts';
import { authorizedFetch, checkAccess, type HubAccess, type HubListing, resolveRevision } from './hub.ts';
import { readRange } from './ranges.ts';
import { wrongLength } from './response-checks.ts';

/** The branch in which the hub stores every public data set as Parquet. */
const CONVERTED = 'refs/convert/parquet';
const MAIN = 'main';

/** Rows of a data set that are read unless another number is asked for: enough for a run, and quick to fetch. */
export const USUAL_ROWS = 5000;

/** A split of a data set in a configuration, as Parquet files. */
interface HubSplit {
  readonly config: string;
  readonly split: string;
  /** Paths in the repository, in order. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly bytes: number;
}

/** A data set of the hub at a commit, and what can be read of it. */
export interface HubDataset {
  readonly id: string;
  readonly commit: string;
  readonly splits: readonly HubSplit[];
}

interface HubDatasetOptions {
  fetch?: typeof globalThis.fetch | undefined;
  signal?: AbortSignal | undefined;
  patience?: Patience | undefined;
}

/** The name of a data set on the hub, `org/name` or the address of its page; null for anything else. */
export function datasetName(text: string): string | null {
  const name = /^(?:https:\/\/huggingface\.co\/datasets\/)?([\w.-]+\/[\w.-]+)\/?$/.exec(text.trim())?.[1];
  return name === undefined || /^\.|\/\./.test(name) ? null : name;
}

/**
 * Lists the configurations and splits of a data set, from the hub's own Parquet files or else from those that its
 * repository has.
 *
 * @param options `commit`: by default the newest.
 * @throws GorpError `weights/…` as {@link resolveRevision}; `tasks/no-parquet` if it has no Parquet files.
 */
export async function listDataset(
  name: string,
  access: HubAccess,
  options: HubDatasetOptions & { readonly commit?: string | undefined } = {},
): Promise<HubDataset> {
  const { commit } = options;
  const checked = checkAccess(access);
  const fetch = authorizedFetch(checked, options.fetch);
  const list = (revision: string): Promise<HubListing> =>
    resolveRevision({ repository: name, revision }, checked, { ...options, fetch, kind: 'datasets' });
  let listing: HubListing;
  try {
    listing = await list(commit ?? CONVERTED);
  } catch (thrown) {
    if (!(thrown instanceof GorpError && thrown.code === 'weights/no-revision') || commit !== undefined) throw thrown;
    listing = await list(MAIN);
  }
  const splits = splitsOf(listing);
  if (splits.length > 0) return { id: listing.id, commit: listing.commit, splits };
  throw new GorpError(
    'tasks/no-parquet',
    `The data set ${name} has no Parquet files on the hub.`,
    'Download its files and add them from disk, or choose another data set.',
  );
}

/**
 * The splits among the files of a repository: `config/split/0000.parquet`, or `data/train-00000-of-00001.parquet`, after
 * which earlier versions of datasets wrote a hash.
 */
function splitsOf({ files }: Pick<HubListing, 'files'>): HubSplit[] {
  const splits = new Map<string, { config: string; split: string; files: { path: string; bytes: number }[] }>();
  for (const { name, bytes } of files) {
    const [, folder = '', file] = /^(?:(.*)\/)?([^/]+)\.parquet$/i.exec(name) ?? [];
    if (file === undefined || bytes === null) continue;
    const parts = folder.split('/').filter((part) => part !== '');
    const isNumbered = /^\d+$/.test(file);
    const split = (isNumbered ? parts.at(-1) : /^(.*?)(?:-\d+-of-\d+(?:-[0-9a-f]{16})?)?$/.exec(file)?.[1]) ?? 'train';
    const config = (isNumbered ? parts.slice(0, -1) : parts).filter((part) => part !== 'data').join('/') || 'default';
    const key = `${config}\n${split}`;
    const known = splits.get(key) ?? { config, split, files: [] };
    known.files.push({ path: name, bytes });
    splits.set(key, known);
  }
  return Array.from(splits.values(), (one) => ({
    ...one,
    files: one.files.sort((a, b) => (a.path < b.path ? -1 : 1)),
    bytes: one.files.reduce((sum, file) => sum + file.bytes, 0),
  }));
}

/** A choice among the splits of a data set; what is null is chosen if there is no doubt. */
export interface SplitChoice {
  readonly config: string | null;
  readonly split: string | null;
}

/**
 * The split that is meant: the named one; of several configurations `default` or the only one, of splits `train` or the
 * only one.
 *
 * @throws GorpError `tasks/choose-split`, naming what there is.
 */
export function chosenSplit({ id, splits }: HubDataset, { config, split }: SplitChoice): HubSplit {
  const pick = (all: readonly string[], asked: string | null, usual: string, what: string): string => {
    const names = [...new Set(all)];
    const found = asked ?? (names.length === 1 ? names[0] : names.find((name) => name === usual));
    if (found !== undefined && names.includes(found)) return found;
    throw new GorpError(
      'tasks/choose-split',
      asked === null ? `${id} has several ${what}s.` : `${id} has no ${what} ${asked}.`,
      `Choose the ${what}: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`,
    );
  };
  const inConfig = pick(
    splits.map((one) => one.config),
    config,
    'default',
    'configuration',
  );
  const own = splits.filter((one) => one.config === inConfig);
  if (split !== null && own.every((one) => one.split !== split)) {
    // Order files of earlier versions name a file with a hash as a split of its own.
    const file = own.flatMap(({ files }) => files).find(({ path }) => path.split('/').at(-1) === `${split}.parquet`);
    if (file !== undefined) return { config: inConfig, split, files: [file], bytes: file.bytes };
  }
  const inSplit = pick(
    own.map((one) => one.split),
    split,
    'train',
    'split',
  );
  return own.find((one) => one.split === inSplit) as HubSplit;
}

/** Bytes of a file by position, each part by a request of its own. */
interface RemoteFile {
  readonly name: string;
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/**
 * The Parquet files of a split, to be read by range. The commit pins their content.
 *
 * @throws GorpError from `slice`: `weights/gated`, `weights/denied`, `weights/network`, …; `weights/no-ranges` if the
 *   server cannot send parts.
 */
export function splitFiles(
  { id, commit }: Pick<HubDataset, 'id' | 'commit'>,
  { files }: HubSplit,
  access: HubAccess,
  options: HubDatasetOptions = {},
): RemoteFile[] {
  const checked = checkAccess(access);
  const fetch = authorizedFetch(checked, options.fetch);
  return files.map(({ path, bytes }) => {
    const place = path.split('/').map(encodeURIComponent).join('/');
    const url = `${checked.endpoint}/datasets/${id}/resolve/${commit}/${place}`;
    return {
      name: `${id}/${path}`,
      byteLength: bytes,
      slice: async (start, end = bytes) => {
        const part = await readRange(url, start, end, { ...options, fetch });
        if (part === null) {
          throw new GorpError(
            'weights/no-ranges',
            `The server of ${url} does not send parts of a file.`,
            'Download the file and add it from disk.',
          );
        }
        if (part.total !== null && part.total !== bytes) throw wrongLength(url, bytes, part.total);
        return part.bytes.buffer;
      },
    };
  });
}

/** Which rows of a data set are read: the first ones of a split, at a commit. */
export interface HubSource {
  readonly id: string;
  readonly commit: string;
  readonly config: string;
  readonly split: string;
  readonly rows: number;
}

/** A source as the file of a task: `hf://datasets/org/name@commit/config/split?rows=5000`. */
export const hubSourceText = ({ id, commit, config, split, rows }: HubSource): string =>
  `hf://datasets/${id}@${commit}/${encodeURIComponent(config)}/${encodeURIComponent(split)}?rows=${rows}`;

/** Reads what {@link hubSourceText} wrote; null for anything else. */
export function parseHubSource(text: string): HubSource | null {
  const [, id, commit, config, split, rows] =
    /^hf:\/\/datasets\/([\w.-]+\/[\w.-]+)@([0-9a-f]{40})\/([^/?]+)\/([^/?]+)\?rows=(\d{1,9})$/.exec(text) ?? [];
  if (id === undefined || commit === undefined || config === undefined || split === undefined) return null;
  try {
    return { id, commit, config: decodeURIComponent(config), split: decodeURIComponent(split), rows: Number(rows) };
  } catch {
    return null;
  }
}

/** The SHA-256 that stands for the rows of a source: of what names them, since the commit fixes their content. */
export const sourceHash = (source: HubSource): Promise<string> =>
  sha256Of(new TextEncoder().encode(hubSourceText(source)));
