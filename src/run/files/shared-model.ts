import { type OutputFile, textFile } from '../../weights/exports/output-file.ts';
import { unzipped } from '../../weights/exports/unzip.ts';
import { type ByteFile, byteFile } from '../../weights/model-files.ts';
import { parseModelReference, pickedReference } from '../../weights/model-reference.ts';
import { ADAPTER_CONFIG_FILE, ROUND_FILE } from './layout.ts';
import { openSavedRound } from './saved-round.ts';
import { bad, type OpenFile, readManifest } from './saved-run.ts';

/** The choices of a person who shares a model. */
interface Sharing {
  /** Whether the texts of its tests go along, by which somebody else can see what it forgets. */
  readonly withTests: boolean;
}

/**
 * The files of a model for somebody else: its state, what it was taught and what was measured. They are those of its
 * folder, without the answers to tests; a base on this machine is named without its path.
 *
 * @param open opens the files in the model's folder; all of them are checked.
 * @throws GorpError as {@link openSavedRound}.
 */
export async function sharedFiles(open: OpenFile, { withTests }: Sharing): Promise<OutputFile[]> {
  await (await openSavedRound(open)).state.check();
  const fileOf = async (path: string): Promise<ByteFile> => {
    const file = await open(path);
    if (file === null) throw bad('round', `the folder has no ${path}`);
    return file;
  };
  const manifest = await readManifest(await fileOf(ROUND_FILE), 'round');
  const { results, lessons } = manifest;
  const { model } = results.settings;
  const isPath = parseModelReference(model) === null;
  const name = isPath ? pickedReference(model.split(/[/\\]/).findLast((part) => part !== '') ?? 'model') : model;
  const shared = {
    ...manifest,
    results: { ...results, settings: { ...results.settings, model: name }, model: { ...results.model, name } },
    lessons: withTests ? lessons : lessons.map((lesson) => ({ ...lesson, tests: null })),
  };
  const config = await open(ADAPTER_CONFIG_FILE);
  const paths = [...manifest.files.map(({ path }) => path), ...(config === null ? [] : [ADAPTER_CONFIG_FILE])];
  const files = paths.map((path): OutputFile => ({
    path,
    content: async function* () {
      yield* piecesOf(await fileOf(path));
    },
  }));
  return [...files, textFile(ROUND_FILE, () => JSON.stringify(shared))];
}

const PIECE = 2 ** 22;

async function* piecesOf(file: ByteFile): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.bytes; at += PIECE) yield await file.read(at, Math.min(file.bytes, at + PIECE));
}

/**
 * Opens a model that somebody shared, without unpacking what is not compressed. Of an archive of several rounds it is the last. Nothing in it
 * is looked up by a path that the archive names, other than those of a model's own files.
 *
 * @throws GorpError `run/bad-zip` if it is cut off or damaged; `run/bad-round` if it holds no model.
 */
export async function openArchive(archive: Blob): Promise<OpenFile> {
  const files = await unzipped(archive);
  const manifests = files.filter(({ path }) => path === ROUND_FILE || path.endsWith(`/${ROUND_FILE}`));
  const last = manifests.sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true })).at(-1);
  if (last === undefined) throw bad('round', `the archive has no ${ROUND_FILE}`);
  const folder = last.path.slice(0, -ROUND_FILE.length);
  // Unpacked once: other programs compress what this one stores.
  const opened = new Map<string, Promise<ByteFile>>();
  return async (path) => {
    const found = files.find((file) => file.path === folder + path);
    if (found === undefined) return null;
    const file = opened.get(path) ?? found.open().then((content) => byteFile(path, content));
    opened.set(path, file);
    return file;
  };
}
