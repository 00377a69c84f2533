import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { gunzipped } from '../../base/gunzip.ts';
import { isNamedGzip, tableEnding } from '../../tasks/records.ts';
import { isGgufName } from '../../weights/gguf/splits.ts';
import { parseModelReference, pickedReference } from '../../weights/model-reference.ts';
import type { ModelAccess } from '../../weights/source.ts';
import type { AheadFunctions } from '../../worker/protocol.ts';
import type { GivenRun } from '../../worker/try/messages.ts';
import type { CompareActions } from './compare.ts';
import {
  keepModel,
  type KeptModel,
  keptModels,
  openKept,
  openPlace,
  type Picked,
  rememberPlace,
  removeKept,
} from './kept-models.ts';
import { isReport } from './results-file.ts';
import { isActive, type RunSlice } from './run-state.ts';
import type { SetUpActions, SetUpSlice } from './set-up-form.ts';
import type { SharingActions } from './sharing.ts';
import { showingProblem, type StoreOf } from './slice.ts';
import type { TasksSlice } from './task-store.ts';
import type { GivenFile, TaskActions } from './tasks.ts';
import type { ViewSlice } from './preferences.ts';
import { callOnce } from './session.ts';

// A benchmark has a few hundred files; with more, it is another folder.
const MAX_FILES = 20_000;

/** The files of a file input; files of a folder carry their path in it. */
export const filesOfInput = (files: readonly File[]): GivenFile[] =>
  files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** A model's files of a file input. */
export function pickedFrom(list: readonly File[]): Picked {
  const files = filesOfInput(list);
  return { name: nameOfFiles(files), files: pickedOf(files) };
}

const pickedOf = (files: readonly GivenFile[]): Picked['files'] =>
  files.map(({ path, file }) => ({ path, blob: file }));

/** A name for the files of a model or a run: their folder's, without one that of the GGUF file, else `files`. */
export function nameOfFiles(files: readonly GivenFile[]): string {
  const [folder, ...rest] = files[0].path.split('/');
  if (rest.length > 0) return folder;
  return files.find(({ path }) => isGgufName(path))?.path ?? 'files';
}

/** The parts of `DataTransferItem` used here. */
export type DroppedItem = Pick<DataTransferItem, 'kind' | 'getAsFile' | 'webkitGetAsEntry'>;

/**
 * The dropped files, including all files in dropped folders. Must be called while the event is handled: afterwards the
 * browser forgets what was dropped.
 *
 * @throws GorpError `tasks/too-many-files`.
 */
export async function filesOfDrop(items: Iterable<DroppedItem>): Promise<GivenFile[]> {
  // All of them before the first await.
  const dropped = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found: GivenFile[] = [];
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    const path = entry.fullPath.replace(/^\//, '');
    if (isFile(entry)) found.push({ path, file: await new Promise<File>((good, bad) => entry.file(good, bad)) });
    else if (isFolder(entry)) for (const child of await childrenOf(entry)) await visit(child);
    if (found.length <= MAX_FILES) return;
    throw new GorpError(
      'tasks/too-many-files',
      `The folder holds more than ${MAX_FILES} files.`,
      'Drop only the folder that holds CL_Benchmark and configs, SuperNI, or the tasks of TRACE.',
    );
  };
  for (const { entry, file } of dropped) {
    if (entry !== null) await visit(entry);
    else if (file !== null) found.push({ path: file.name, file });
  }
  return found;
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;

/** The entries of a folder, which the browser returns a hundred at a time. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((good, bad) => reader.readEntries(good, bad));
    if (part.length === 0) return children;
    children.push(...part);
  }
}

/** Asks a worker that lives for this one request. */
export const askModelCheckWorker: AskForModelCheck = (command) =>
  new Promise((resolve) => {
    callOnce<AheadFunctions, 'check'>(
      () => new Worker(new URL('../../worker/ahead.ts', import.meta.url), { type: 'module', name: 'model-check' }),
      { name: 'The worker that checks a model’s files', nextStep: 'Reload the page, and choose the files again.' },
      'check',
      command,
      resolve,
      resolve,
    );
  });

/** Files by where on the page they belong. */
type SortedFiles =
  /** A model: a folder of Hugging Face files, or GGUF files. */
  | { kind: 'model'; name: string; files: readonly GivenFile[] }
  /** A model that somebody shared, in one file. */
  | { kind: 'shared'; file: File }
  /** The rounds of a run, as a folder or as a zip of one. */
  | { kind: 'rounds'; name: string; files: readonly GivenFile[] }
  /** Results files, parts of studies, and the report of a study. */
  | { kind: 'results'; files: readonly GivenFile[] }
  | { kind: 'set-up'; file: File }
  /** Files of examples, folders of texts, CL_Benchmark, order files. */
  | { kind: 'tasks'; files: readonly GivenFile[] };

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const nameOf = ([{ path }]: readonly GivenFile[]): string => (path.includes('/') ? path.split('/')[0] : path);

/** The beginning of a JSON file of this project. */
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
  // The folder of a study; its tables tell the same in other forms.
  const runs = files.filter(({ path }) => /(?:^|\/)runs\/.+\.jsonl(?:\.gz)?$/.test(path));
  const areReports = await Promise.all(files.map(({ file }) => isReport(file)));
  const reports = files.filter((_, i) => areReports[i]);
  if (reports.length > 1) throw mixed(files, 'Drop one study after another.');
  if (runs.length > 0 && names.includes('plan.json')) return { kind: 'results', files: [...runs, ...reports] };
  const schemas = await Promise.all(files.map(schemaOf));
  const isOfStudy = schemas.includes('study-plan');
  if (reports.length > 0 && (isOfStudy || files.length === 1)) return { kind: 'results', files: reports };
  if (isOfStudy) {
    throw new GorpError(
      'run/study-without-runs',
      `${quoted(files)}: the plan of a study, without its runs.`,
      'Drop the study’s whole folder, its report.json, or the files in its folder runs.',
    );
  }
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
  const models = entries.filter(({ path }) => baseName(path) === 'round.json');
  // Other programs pack the folder of an unpacked model with its name.
  if (models.length === 1 && models[0].path.split('/').length <= 2) return { kind: 'shared', file: zip.file };
  if (models.length > 0) return { kind: 'rounds', name: zip.path, files: [zip] };
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

/** The kind of a JSON file of this project: `results`, `order`, `set-up`; null for any other file. */
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

/** Checks a model's files without running it; resolves to why they cannot be used, or null. */
export type AskForModelCheck = (command: { model: string; access: ModelAccess }) => Promise<ErrorReport | null>;

/** Opens the rounds of a run in _Try it_. */
export type OpenRounds = (given: GivenRun, access: ModelAccess) => Promise<void>;

/** Files that were dropped on the page, or chosen as a model. */
export interface DropSlice {
  /** The name of the model whose files are being checked; null if none are. */
  readonly checkingModel: string | null;
  /** Why the last files were not taken. */
  readonly dropProblem: ErrorReport | null;
  /** Models of this machine that the browser keeps a copy of. */
  readonly keptModels: readonly KeptModel[];
  /** The bytes copied so far of the model that is being copied; null if none is. */
  readonly keeping: number | null;
  /** The model whose place on the disk the browser remembers; it may ask before the page reads it again. */
  readonly placed: string | null;
}

export const dropSlice: DropSlice = {
  checkingModel: null,
  dropProblem: null,
  keptModels: [],
  keeping: null,
  placed: null,
};

/** Actions on files that a person drops on the page or chooses as a model. */
export interface FileActions {
  /** Takes files up where they belong, or says why not (`dropProblem`). */
  readonly takeFiles: (files: readonly GivenFile[] | Promise<readonly GivenFile[]>) => Promise<void>;
  /** Checks the files of a model, and chooses it if they can be used. @param handles their places, if they are known. */
  readonly takeModel: (picked: Picked, handles?: readonly FileSystemFileHandle[]) => Promise<void>;
  /** Reads a model again where it was chosen before; the browser may ask the person. */
  readonly reopenModel: (name: string) => Promise<void>;
  /** Copies the files of a model that was given, so that it is found again after a reload. */
  readonly keepModel: (name: string) => Promise<void>;
  /** Removes such a copy. */
  readonly removeKept: (name: string) => Promise<void>;
  /** Lists the copies, and gives the page the files of the form's model if it has lost them. */
  readonly findKept: () => Promise<void>;
  readonly closeDropProblem: () => void;
}

interface Parts {
  readonly tasks: TaskActions;
  readonly compare: CompareActions;
  readonly sharing: SharingActions;
  readonly setUp: Pick<SetUpActions, 'chooseModel' | 'giveFiles'>;
  readonly check: AskForModelCheck;
  readonly openRounds: OpenRounds;
  /** Stores a model that somebody shared, and uses it. */
  readonly takeShared: (file: File) => void;
}

export function createFileActions(
  store: StoreOf<DropSlice & SetUpSlice & TasksSlice & RunSlice & ViewSlice>,
  { tasks, compare, sharing, setUp, check, openRounds, takeShared }: Parts,
): FileActions {
  const { getState, setState } = store;

  const takeModel = async ({ name, files }: Picked): Promise<void> => {
    setState({ checkingModel: name, dropProblem: null });
    const model = pickedReference(name);
    const { access } = getState();
    const problem = await check({ model, access: { ...access, picked: new Map([[name, files]]) } });
    if (getState().checkingModel !== name) return; // others were chosen meanwhile
    setState({ checkingModel: null, dropProblem: problem });
    if (problem !== null) return;
    refuseDuringRun();
    setUp.giveFiles(name, files);
    // Files given again after a reload change no setting.
    if (getState().draft.model !== model) setUp.chooseModel(model);
    setState({ refused: null });
  };

  const refuseDuringRun = (): void => {
    if (!isActive(getState().run.status)) return;
    throw new GorpError(
      'settings/locked',
      'A run is on, and its settings are locked.',
      'Stop the run or wait for its end, then drop the files again.',
    );
  };

  const take = async (files: readonly GivenFile[]): Promise<void> => {
    if (files.length === 0) return;
    if (getState().openFile !== null) return tasks.give(files); // which refuses them in the dialog that is open
    const sorted = await sortFiles(files);
    const show = (tab: 'compare' | 'try' | 'models'): void => setState(({ view }) => ({ view: { ...view, tab } }));
    switch (sorted.kind) {
      case 'results':
        show('compare');
        await compare.takeFiles(sorted.files.map(({ file }) => file));
        return;
      case 'rounds':
        show('try');
        await openRounds({ name: sorted.name, files: sorted.files }, getState().access);
        return;
      case 'shared':
        show('models');
        takeShared(sorted.file);
        return;
      case 'set-up':
        refuseDuringRun();
        await sharing.openFile(sorted.file);
        return;
      case 'model':
        refuseDuringRun();
        await takeModel({ name: sorted.name, files: pickedOf(sorted.files) });
        return;
      case 'tasks':
        refuseDuringRun();
        await tasks.give(sorted.files);
        // Shown where every refusal is: the form may be folded.
        setState(({ taskProblem }) => (taskProblem === null ? {} : { taskProblem: null, dropProblem: taskProblem }));
    }
  };

  const listKept = async (): Promise<void> => setState({ keptModels: await keptModels() });
  const giveKept = async (): Promise<void> => {
    const { draft, access, keptModels: kept } = getState();
    const reference = parseModelReference(draft.model);
    if (reference?.kind !== 'picked' || access.picked.has(reference.name)) return;
    const { name } = reference;
    const files = kept.some((one) => one.name === name) ? await openKept(name) : await openPlace(name, false);
    if (files === null) return;
    if (!kept.some((one) => one.name === name)) setState({ placed: name });
    if (files !== 'locked' && !getState().access.picked.has(name)) setUp.giveFiles(name, files);
  };
  store.subscribe(({ draft }, before) => {
    if (draft.model !== before.draft.model) void giveKept();
  });

  const guarded = (work: () => Promise<void>): Promise<void> =>
    showingProblem((dropProblem) => setState({ dropProblem }), work);

  return {
    keepModel: (name) =>
      guarded(async () => {
        const files = getState().access.picked.get(name);
        if (files === undefined || getState().keeping !== null) return;
        setState({ keeping: 0 });
        try {
          await keepModel({ name, files: [...files] }, (keeping) => setState({ keeping }));
        } finally {
          setState({ keeping: null });
          await listKept();
        }
      }),
    removeKept: (name) =>
      guarded(async () => {
        await removeKept(name);
        await listKept();
      }),
    findKept: async () => {
      await listKept();
      await giveKept();
    },
    takeModel: (picked, handles) =>
      guarded(async () => {
        await takeModel(picked);
        const isTaken = getState().access.picked.get(picked.name) === picked.files;
        if (handles && isTaken && (await rememberPlace(picked.name, handles))) setState({ placed: picked.name });
      }),
    reopenModel: (name) =>
      guarded(async () => {
        const files = await openPlace(name, true);
        if (files === 'locked') return;
        if (files !== null) return setUp.giveFiles(name, files);
        throw new GorpError(
          'run/files-moved',
          `${name} cannot be read where it was.`,
          'Choose its files again, or connect the disk that has them.',
        );
      }),
    takeFiles: (files) => guarded(async () => take(await files)),
    closeDropProblem: () => setState({ dropProblem: null }),
  };
}
