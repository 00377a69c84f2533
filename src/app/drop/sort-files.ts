import { GorpError } from '../../base/errors.ts';
import { gunzipped } from '../../base/gunzip.ts';
import { isNamedGzip, tableEnding } from '../../tasks/table-endings.ts';
import { nameOfFiles } from '../models/picked-files.ts';
import type { GivenFile } from '../tasks/actions.ts';

/** Files by where on the page they belong. */
export type SortedFiles =
  /** A model: a folder of Hugging Face files, or GGUF files. */
  | { kind: 'model'; name: string; files: readonly GivenFile[] }
  /** The rounds of a run, as a folder or as a zip of one. */
  | { kind: 'rounds'; name: string; files: readonly GivenFile[] }
  /** Results files, and parts of studies. */
  | { kind: 'results'; files: readonly GivenFile[] }
  | { kind: 'set-up'; file: File }
  /** Files of examples, folders of texts, CL_Benchmark, order files. */
  | { kind: 'tasks'; files: readonly GivenFile[] };

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const nameOf = ([{ path }]: readonly GivenFile[]): string => (path.includes('/') ? path.split('/')[0] : path);

/** What begins a JSON file of this project. */
const HEAD = /^\ufeff?\s*\{\s*(?:"run"\s*:\s*"[^"]*"\s*,\s*"(?:results|error)"|"schema"\s*:\s*"gorp-web\/([a-z-]+)")/;
const HEAD_BYTES = 400;

/**
 * Where dropped or chosen files belong, by their names and how they begin.
 *
 * @param files at least one.
 * @throws GorpError `run/unknown-files`, `run/mixed-files`; `run/bad-zip`.
 */
export async function sortFiles(files: readonly GivenFile[]): Promise<SortedFiles> {
  const names = files.map(({ path }) => baseName(path));
  const zips = files.filter(({ path }) => /\.zip$/i.test(path));
  if (zips.length > 0 && files.length > 1) throw mixed(files, 'A zip is read alone.');
  if (zips.length === 1) return sortZip(zips[0]);
  const chats = chatsIn(files);
  if (chats !== undefined) return { kind: 'tasks', files: [{ path: CHATS, file: chats.file }] };
  if (names.includes('round.json')) return { kind: 'rounds', name: nameOf(files), files };
  if (isModel(names)) return { kind: 'model', name: nameOfFiles(files), files };
  const schemas = await Promise.all(files.map(schemaOf));
  if (schemas.includes('results')) {
    if (schemas.every((schema) => schema === 'results')) return { kind: 'results', files };
    throw mixed(files, 'Drop results files without others.');
  }
  if (schemas.includes('set-up')) {
    if (files.length === 1) return { kind: 'set-up', file: files[0].file };
    throw mixed(files, 'Drop the set-up alone.');
  }
  if (files.some(({ path }) => tableEnding(path) !== undefined || isNamedGzip(path))) return { kind: 'tasks', files };
  throw new GorpError(
    'run/unknown-files',
    `${quoted(files)} ${files.length === 1 ? 'is' : 'are'} nothing that this page reads.`,
    'Drop a model (a folder with config.json, or a GGUF file), data (CSV, TSV, JSON, JSONL, Parquet, text, or a folder of them), an order, a set-up, results files, a run’s folder, or a zip of any of these.',
  );
}

/** A folder with a config.json and something else of a model, weights alone, or GGUF files. */
const isModel = (names: readonly string[]): boolean =>
  names.some((name) => /\.(?:gguf|safetensors)$/i.test(name)) ||
  names.some((name) => /^(?:pytorch_model.*\.bin|tf_model\.h5|model\.safetensors\.index\.json)$/.test(name)) ||
  (names.includes('config.json') && names.some((name) => /^tokenizer/.test(name)));

const CHATS = 'conversations.json';

/** The file with the conversations in a data export of ChatGPT or Claude, beside what it says of the person. */
const chatsIn = <Given extends { readonly path: string }>(files: readonly Given[]): Given | undefined =>
  files.some(({ path }) => /^users?\.json$/.test(baseName(path)))
    ? files.find(({ path }) => baseName(path) === CHATS)
    : undefined;

async function sortZip(zip: GivenFile): Promise<SortedFiles> {
  // Loaded on demand: few visitors need it.
  const { unzipped } = await import('../../weights/exports/unzip.ts');
  const entries = (await unzipped(zip.file)).filter(({ path }) => !/(^|\/)(?:__MACOSX|\.DS_Store)/.test(path));
  if (entries.some(({ path }) => baseName(path) === 'round.json'))
    return { kind: 'rounds', name: zip.path, files: [zip] };
  if (entries.length === 0 || entries.some(({ path }) => /\.zip$/i.test(path))) {
    throw new GorpError(
      'run/unknown-files',
      `${zip.path} holds ${entries.length === 0 ? 'no files' : 'another zip'}.`,
      'Unpack it and drop what is inside.',
    );
  }
  // The rest of an export, such as images, is not unpacked.
  const chats = chatsIn(entries);
  const wanted = chats === undefined ? entries : [chats];
  const isAlone = wanted.length === 1;
  const files = await Promise.all(
    wanted.map(async ({ path, open }) => ({
      path: isAlone ? baseName(path) : path,
      file: new File([await open()], baseName(path)),
    })),
  );
  const sorted = await sortFiles(files);
  return sorted.kind === 'model' ? { ...sorted, name: zip.path.replace(/\.zip$/i, '') } : sorted;
}

/** What a JSON file of this project is: `results`, `order`, `set-up`; null for any other file. */
async function schemaOf({ path, file }: GivenFile): Promise<string | null> {
  if (!['json', 'jsonl'].includes(tableEnding(path) ?? '')) return null;
  const head = HEAD.exec(
    (isNamedGzip(path) ? await unpackedHead(file) : null) ?? (await file.slice(0, HEAD_BYTES).text()),
  );
  return head && (head[1] ?? 'results');
}

/** How a packed file begins; null if it is not packed, whatever its name says. */
async function unpackedHead(packed: Blob): Promise<string | null> {
  try {
    for await (const piece of gunzipped(packed)) return new TextDecoder().decode(piece.subarray(0, HEAD_BYTES));
  } catch {
    // Whoever reads it says why.
  }
  return null;
}

const mixed = (files: readonly GivenFile[], what: string): GorpError =>
  new GorpError('run/mixed-files', `${quoted(files)} were dropped at once.`, what);

const quoted = (files: readonly GivenFile[]): string => {
  const names = [...new Set(files.map(({ path }) => (path.includes('/') ? path.split('/')[0] : path)))];
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
};
