import { byteFile } from '../weights/model-files.ts';
import { GorpError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import type { RoundOutput } from '../run/events/host.ts';
import { ROUND_FILE, roundFolder, TRAINED_NAMES } from '../run/files/layout.ts';
import {
  ancestorsOf,
  modelGone,
  type ModelSummary,
  readSummary,
  summaryOfModel,
  taughtName,
} from '../run/files/model-line.ts';
import { openSavedRound, type SavedRound } from '../run/files/saved-round.ts';
import { baseOf, type Identity } from '../run/results/identity.ts';
import type { OpenFile } from '../run/files/saved-run.ts';
import { openArchive, sharedFiles } from '../run/files/shared-model.ts';
import { type OutputFile, within } from '../weights/exports/output-file.ts';
import { pickedReference } from '../weights/model-reference.ts';
import { openBrowserStore } from '../weights/store.ts';
import { listModels } from '../weights/stored-models.ts';
import {
  failed,
  filesBelow,
  folderIn,
  hasFile,
  isMissing,
  makeFolder,
  piecesOf,
  privateFolder,
  removeFrom,
  writeInto,
} from './private-files.ts';
import { GIVEN, type ModelChoice, type StoredFile, type StoredRound, type TaughtModel } from './protocol.ts';
import {
  CHECKPOINTS,
  FOLDER,
  holdTaught,
  inNewFolder,
  RUN_FOLDER,
  type RunFolder,
  show,
  shown,
  unlessTaught,
  whileFree,
} from './run-folders.ts';

// The models that were taught in this browser: `rounds/RUN/logs_and_outputs/order_1/outputs/2-chats`, with the results
// and answers of every task before it beside it. Each has all that it needs besides its base, which is stored once.

/** Within the folder of an order: a model that is saved again, until it has replaced the one before. */
const AGAIN = 'again';
const BESIDE = `/${AGAIN}/`;

/** The folder of a task within that of a run, with what comes before and after it. */
const TASK_FOLDER = /^(.*\/)?((\d+)-[^/]+)\/(.*)$/;

/** A folder of a task: where it is in its run's folder, its place in the order, and its files. */
interface TaskFolder {
  /** Ends in a slash. */
  readonly path: string;
  readonly name: string;
  readonly number: number;
  readonly files: readonly StoredFile[];
}

/** The stored files of a run besides checkpoints. */
interface StoredRun {
  readonly folder: string;
  readonly files: readonly StoredFile[];
  /** In order of their tasks. */
  readonly tasks: readonly TaskFolder[];
}

async function readRun(folder: string, handle: FileSystemDirectoryHandle): Promise<StoredRun> {
  const files = await filesBelow(handle, (name) => name !== CHECKPOINTS);
  const tasks = new Map<string, StoredFile[]>();
  for (const one of files) {
    const [, above = '', name] = TASK_FOLDER.exec(one.path) ?? [];
    if (name === undefined) continue;
    const path = `${above}${name}/`;
    tasks.set(path, [...(tasks.get(path) ?? []), one]);
  }
  // A run that was killed has left a model that it had saved again beside the one that it replaced.
  const isLeft = (path: string): boolean =>
    path.includes(BESIDE) && tasks.get(path.replace(BESIDE, '/'))?.some(isManifest) === true;
  const inOrder = [...tasks].flatMap(([path, own]): TaskFolder[] => {
    const [, , name = '', number] = TASK_FOLDER.exec(own[0].path) ?? [];
    return isLeft(path) ? [] : [{ path, name, number: Number(number), files: own }];
  });
  const left = new Set([...tasks].flatMap(([path, own]) => (isLeft(path) ? own : [])));
  return {
    folder,
    files: files.filter((one) => !left.has(one)),
    tasks: inOrder.sort((a, b) => a.number - b.number),
  };
}

/** Everything that runs have stored, but their checkpoints. @throws GorpError `store/…`. */
async function storedRuns(): Promise<StoredRun[]> {
  const runs: StoredRun[] = [];
  try {
    const all = await (await privateFolder()).getDirectoryHandle(FOLDER);
    for await (const [folder, handle] of all.entries()) {
      if (!RUN_FOLDER.test(folder) || !(handle instanceof FileSystemDirectoryHandle)) continue;
      const run = await readRun(folder, handle);
      if (run.files.length > 0) runs.push(run);
    }
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown instanceof GorpError ? thrown : failed(thrown);
  }
  return runs;
}

const isManifest = ({ path }: StoredFile): boolean => TASK_FOLDER.exec(path)?.[4] === ROUND_FILE;

const manifestOf = ({ files }: TaskFolder): File | undefined => files.find(isManifest)?.file;

/** The models taught in this browser, the newest first. @throws GorpError `store/…`. */
export async function taughtModels(): Promise<TaughtModel[]> {
  const models = (await Promise.all((await storedRuns()).map(modelsOf))).flat();
  const last = new Intl.Collator('en', { numeric: true });
  return models.sort((a, b) => b.savedAt - a.savedAt || last.compare(b.key, a.key));
}

/** The models in a run's folder; what cannot be read counts as one, so that a person can remove it. */
async function modelsOf({ folder, files, tasks }: StoredRun): Promise<TaughtModel[]> {
  const saved = tasks.filter(manifestOf);
  if (saved.length === 0) return [{ key: folder, ...sizeOf(files), name: '', model: null }];
  return Promise.all(
    saved.map(async (task): Promise<TaughtModel> => {
      const file = manifestOf(task) as File;
      // With the last of them goes all that is left.
      const own = saved.length === 1 ? files : task.files;
      const model = await readSummary(byteFile(ROUND_FILE, file));
      return { key: `${folder}/${task.path.replace(/\/$/, '')}`, ...sizeOf(own), name: task.name, model };
    }),
  );
}

const sizeOf = (files: readonly StoredFile[]): Pick<TaughtModel, 'bytes' | 'savedAt'> => ({
  bytes: files.reduce((sum, { file }) => sum + file.size, 0),
  savedAt: Math.max(...files.map(({ file }) => file.lastModified)),
});

/** Splits the key of a model into the folder of its run, and its own in there. */
function placeOf(key: string): { folder: string; path: string } {
  const [folder, ...path] = key.split('/');
  return { folder: RUN_FOLDER.test(folder) ? folder : '', path: path.map((part) => `${part}/`).join('') };
}

/** The model that a tab uses, and what else its run has stored. */
interface UsedModel {
  /** Null if there is none. */
  readonly used: TaughtModel | null;
  readonly saved: SavedRound | null;
  /** Whether it is what was asked for. */
  readonly isAsked: boolean;
  /** Names of later models of its run that cannot be opened. */
  readonly broken: string[];
  readonly models: TaughtModel[];
}

/** Finds the model that a tab uses: the one chosen, the last of its run that can be opened, else the one shown last. */
export async function usedModel(choice: ModelChoice): Promise<UsedModel> {
  const models = await taughtModels();
  const asked = models.filter(({ key, model }) => {
    if (choice === null) return false;
    return 'model' in choice ? key === choice.model : model !== null && model.run === choice.run;
  });
  const last = asked.length === 0 ? await shown() : null;
  const isLast = ({ key }: TaughtModel): boolean =>
    last !== null && (key.replace(BESIDE, '/') === last.replace(BESIDE, '/') || placeOf(key).folder === last);
  const found = last === null ? asked : models.filter(isLast);
  const folders = new Set(found.map(({ key }) => placeOf(key).folder));
  // A model that cannot be read does not tell its run.
  const isUnread = ({ key, model }: TaughtModel): boolean => model === null && folders.has(placeOf(key).folder);
  const isAsked = asked.length > 0 || choice === null;
  const broken: string[] = [];
  const numberOf = ({ key }: TaughtModel): number => Number(TASK_FOLDER.exec(`${key}/`)?.[3] ?? 0);
  const candidates = models.filter((one) => found.includes(one) || isUnread(one));
  for (const used of candidates.sort((a, b) => numberOf(b) - numberOf(a))) {
    try {
      return { used, saved: await openSaved(used.key), isAsked, broken, models };
    } catch (thrown) {
      if (!(thrown instanceof GorpError)) throw thrown;
      broken.push(used.name || 'this run');
    }
  }
  return { used: found.at(0) ?? null, saved: null, isAsked, broken, models };
}

/** Opens the files of a model. @throws GorpError `run/model-gone` if it has been removed, perhaps in another tab. */
export async function opensTaught(key: string): Promise<OpenFile> {
  const { folder, path } = placeOf(key);
  const files = (await storedRuns()).find((run) => run.folder === folder)?.files ?? [];
  if (files.some((one) => one.path.startsWith(path))) return opensIn(files, path);
  throw modelGone(key);
}

/** Opens a model; its tensors are not checked. @throws GorpError `run/bad-round`, `run/model-gone`. */
const openSaved = async (key: string): Promise<SavedRound> => openSavedRound(await opensTaught(key));

const opensIn =
  (files: readonly StoredFile[], folder: string): OpenFile =>
  (name) => {
    const found = files.find(({ path }) => path === folder + name);
    return Promise.resolve(found ? byteFile(name, found.file) : null);
  };

/** Opens a model and checks all of it. @throws GorpError `run/bad-round`, `run/model-gone`. */
export async function openTaught(key: string): Promise<SavedRound> {
  const saved = await openSaved(key);
  await saved.state.check();
  return saved;
}

/**
 * The files of a model's whole line, in order of path: results and answers after each task, and what was trained as far
 * as it is stored, with this model's own folder last.
 *
 * @param models all of this browser, if they are known.
 */
export async function filesOfLine(key: string | null, models?: readonly TaughtModel[]): Promise<StoredFile[]> {
  const runs = await storedRuns();
  const { folder, path } = placeOf(key ?? '');
  const run = runs.find((one) => one.folder === folder);
  if (run === undefined) return [];
  const self = run.tasks.find((task) => task.path === path);
  const files = run.files.filter(({ path }) => {
    const number = Number(TASK_FOLDER.exec(path)?.[3] ?? 0);
    return self === undefined || number <= self.number;
  });
  const above = self?.path.slice(0, -`${self.name}/`.length) ?? '';
  const line = (models ?? (await taughtModels())).flatMap(({ key, model }) => (model ? [{ key, ...model }] : []));
  const own = line.find((one) => one.key === key);
  for (const ancestor of own ? ancestorsOf(own, line) : []) {
    const place = placeOf(ancestor.key);
    const task = runs.find((one) => one.folder === place.folder)?.tasks.find((one) => one.path === place.path);
    for (const { path, file } of task?.files ?? []) {
      const here = `${above}${task?.name}/${path.slice(place.path.length)}`;
      if (!files.some((one) => one.path === here)) files.push({ path: here, file });
    }
  }
  return files.sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }));
}

/** The tasks among the files of a line, in order. */
export function roundsIn(files: readonly StoredFile[]): StoredRound[] {
  const rounds = new Map<string, StoredRound>();
  for (const { path, file } of files) {
    const [, , name, , below] = TASK_FOLDER.exec(path) ?? [];
    if (name === undefined) continue;
    const { bytes = 0, hasWeights = false } = rounds.get(name) ?? {};
    rounds.set(name, { name, bytes: bytes + file.size, hasWeights: hasWeights || below === ROUND_FILE });
  }
  return [...rounds.values()];
}

/** Stores what a run teaches: the model after every task, or after the last. */
export class ModelSaver {
  readonly #folder: RunFolder;
  readonly #everyTask: boolean;
  readonly #from: string | null;
  #hasAnswers = false;

  /**
   * @param everyTask whether to store the model after every task of this run, not only after the last.
   * @param from key of the model that is taught more: what it answered is copied, so that nothing needs its folder.
   */
  constructor(folder: RunFolder, everyTask: boolean, from: string | null = null) {
    this.#folder = folder;
    this.#everyTask = everyTask;
    this.#from = from;
  }

  /** @throws GorpError `store/busy`, `store/quota` with what can be removed, `store/failed`. */
  async save(output: RoundOutput): Promise<void> {
    const folder = await this.#folder.claimed();
    try {
      await this.#write(folder, output);
    } catch (thrown) {
      const own = await readRun(folder, await makeFolder([FOLDER, folder]));
      if (!own.tasks.some(manifestOf)) {
        await removeRun(folder); // answers without a model only take room
        this.#hasAnswers = false;
      }
      const taught = placeOf(this.#from ?? '').folder;
      const mayGo = (one: TaughtModel): boolean => ![folder, taught].includes(placeOf(one.key).folder);
      throw await sayingWhatToRemove(thrown, mayGo, output.soFar);
    }
  }

  async #write(folder: string, output: RoundOutput): Promise<void> {
    const { orderFolder, roundFolder, results, trained, soFar } = output;
    const order = await makeFolder([FOLDER, folder, ...orderFolder.split('/')]);
    if (!this.#hasAnswers) await writeInto(order, await answersUntil(this.#from));
    this.#hasAnswers = true;
    const files = within(roundFolder, [...results, ...trained]);
    // A run that resumed may save a task again: the model stays whole until the new one is, beside it.
    const isSaved = await hasFile(await folderIn(order, roundFolder), ROUND_FILE);
    if (isSaved) {
      await writeModel(await folderIn(order, AGAIN), roundFolder, files);
      await show(`${folder}/${orderFolder}/${AGAIN}/${roundFolder}`);
    }
    await writeModel(order, roundFolder, files);
    await show(`${folder}/${orderFolder}/${roundFolder}`);
    await removeFrom(order, AGAIN);
    if (!this.#everyTask) await unlessTaught(folder, () => removeTrained(order, soFar.id, roundFolder));
  }
}

/** An error of a full store with the models that can be removed, and what that frees; others as they are. */
async function sayingWhatToRemove(
  thrown: unknown,
  mayGo: (model: TaughtModel) => boolean,
  results: Identity,
): Promise<unknown> {
  if (!(thrown instanceof GorpError) || thrown.code !== 'store/quota') return thrown;
  const taught = (await taughtModels()).filter(mayGo).reverse();
  const models = [
    ...taught.map(({ model, name, bytes }) => ({ name: model ? taughtName(model) : name, bytes })),
    ...(await largeBases(baseOf(results))),
  ];
  if (models.length === 0) return thrown;
  const freed = models.reduce((sum, { bytes }) => sum + bytes, 0);
  const named = models.slice(0, MOST_NAMED).map(({ name, bytes }) => `“${name}” (${formatBytes(bytes)})`);
  const more = models.length - named.length;
  const last = more > 0 ? `${more} more (${formatBytes(freed)} in all)` : named.pop();
  const list = [named.join(', '), last].filter(Boolean).join(' and ');
  const nextStep = `Under Models you can remove ${list}. Or free disk space.`;
  return new GorpError(thrown.code, thrown.message, nextStep, { cause: thrown });
}

/** Base models of the hub and copies of a person's own, the largest first. @param except the one in use. */
async function largeBases(except: string): Promise<{ name: string; bytes: number }[]> {
  // Where either cannot be read, there is nothing to name.
  const stored = await openBrowserStore()
    .then(listModels)
    .catch(() => []);
  const given = await (
    await privateFolder()
  )
    .getDirectoryHandle(GIVEN)
    .then((folder) => filesBelow(folder))
    .catch(() => []);
  const copies = new Map<string, number>();
  for (const { path, file } of given) {
    const name = decodeURIComponent(path.split('/')[0]);
    copies.set(name, (copies.get(name) ?? 0) + file.size);
  }
  return [
    ...stored.flatMap(({ reference, bytes }) => {
      const [name, commit] = reference.split('@');
      return commit === undefined || reference === except ? [] : [{ name, bytes }];
    }),
    ...Array.from(copies, ([name, bytes]) => ({ name, bytes })).filter(({ name }) => pickedReference(name) !== except),
  ].sort((a, b) => b.bytes - a.bytes);
}

/** Models that an error of a full store names. */
const MOST_NAMED = 3;

/** Writes the folder of a model, whose last file makes it one: until then, remains of an earlier attempt do not count. */
async function writeModel(order: FileSystemDirectoryHandle, name: string, files: readonly OutputFile[]): Promise<void> {
  await removeFrom(await folderIn(order, name), ROUND_FILE);
  try {
    await writeInto(order, files);
  } catch (thrown) {
    await removeFrom(order, name).catch(() => undefined); // part of a model only takes room
    throw thrown;
  }
}

/** Returns what the models of a line answered and measured: all but what they were taught. */
async function answersUntil(key: string | null): Promise<Parameters<typeof writeInto>[1]> {
  return (await filesOfLine(key)).flatMap(({ path, file }) => {
    const [, , name = '', , below = ''] = TASK_FOLDER.exec(path) ?? [];
    const isTrained = name === '' || TRAINED_NAMES.includes(below.split('/')[0]);
    return isTrained ? [] : [{ path: `${name}/${below}`, content: () => piecesOf(file) }];
  });
}

/** Removes what a run trained on earlier tasks; results and answers stay, and so does what another run trained. */
async function removeTrained(order: FileSystemDirectoryHandle, run: string | undefined, except: string): Promise<void> {
  for await (const [name, handle] of order.entries()) {
    if (!(handle instanceof FileSystemDirectoryHandle) || name === except) continue;
    if ((await runOf(handle)) !== run) continue;
    for (const file of TRAINED_NAMES) await removeFrom(handle, file);
  }
}

/** The run whose model is in a folder; null if there is none that can be read. */
async function runOf(folder: FileSystemDirectoryHandle): Promise<string | null> {
  try {
    const file = await (await folder.getFileHandle(ROUND_FILE)).getFile();
    return (await readSummary(byteFile(ROUND_FILE, file)))?.run ?? null;
  } catch (thrown) {
    if (isMissing(thrown)) return null;
    throw thrown;
  }
}

/**
 * Stores a model chosen from disk, its folder or one file in which somebody shared it, and shows it. Those in this browser
 * stay beside it; one that is here already, whole and with as many tests, is shown as it is.
 *
 * @returns its key.
 * @throws GorpError `run/bad-round`, `run/bad-zip`, `store/…`; the shown model then stays.
 */
export async function importModel(files: readonly StoredFile[]): Promise<string> {
  const [{ path, file }] = files;
  const archive = files.length === 1 && /\.zip$/i.test(path) ? await openArchive(file) : null;
  const manifest = files.find((one) => one.path === ROUND_FILE || one.path.endsWith(`/${ROUND_FILE}`));
  const folder = manifest?.path.slice(0, -ROUND_FILE.length) ?? '';
  const open = archive ?? opensIn(files, folder);
  const { round, results, state } = await openSavedRound(open);
  await state.check();
  const same = await storedLike(summaryOfModel({ round, results, lessons: state.lessons }));
  if (same !== undefined) {
    await show(same);
    return same;
  }
  const name = roundFolder(round, results.settings.order[round - 1]);
  const own = archive
    ? await sharedFiles(open, { withTests: true })
    : files
        .filter((one) => one.path.startsWith(folder))
        .map((one): OutputFile => ({ path: one.path.slice(folder.length), content: () => piecesOf(one.file) }));
  await privateFolder();
  return inNewFolder(name, (target) => writeInto(target, within(name, own))).catch(async (thrown: unknown) => {
    throw await sayingWhatToRemove(thrown, () => true, results);
  });
}

/** The key of the stored model that a run saved after the same lessons, if it is whole and has their tests. */
async function storedLike({ run, lessons }: ModelSummary): Promise<string | undefined> {
  const found = (await taughtModels()).find(
    ({ model }) =>
      run !== null &&
      model?.run === run &&
      model.lessons.length === lessons.length &&
      lessons.every(({ taughtAt, tests }, i) => {
        const stored = model.lessons[i];
        return stored.taughtAt === taughtAt && stored.tests >= tests;
      }),
  );
  if (found === undefined) return undefined;
  return openTaught(found.key).then(
    () => found.key,
    () => undefined, // damaged
  );
}

/**
 * Removes a model, but no checkpoint, and no results or answers of later ones.
 *
 * @throws GorpError `store/busy` while a run uses it, `store/failed`.
 */
export async function removeTaught(key: string): Promise<void> {
  const { folder, path } = placeOf(key);
  if (folder === '') return;
  await whileFree(folder, async () => {
    const run = await readRun(folder, await makeFolder([FOLDER, folder]));
    const others = run.tasks.filter((task) => task.path !== path && manifestOf(task));
    if (path === '' || others.length === 0) return removeRun(folder);
    const self = run.tasks.find((task) => task.path === path);
    if (self === undefined) return;
    const order = await makeFolder([FOLDER, folder, ...path.split('/').slice(0, -2)]);
    const again = await order.getDirectoryHandle(AGAIN).catch(noneIfMissing);
    if (again) await removeFrom(again, self.name);
    const isLast = others.every(({ number }) => number < self.number);
    if (isLast) return removeFrom(order, self.name);
    for (const name of TRAINED_NAMES) await removeFrom(await folderIn(order, self.name), name);
  });
}

const noneIfMissing = (thrown: unknown): null => {
  if (isMissing(thrown)) return null;
  throw failed(thrown);
};

/** Removes all of a run but its checkpoints. */
async function removeRun(folder: string): Promise<void> {
  const own = await makeFolder([FOLDER, folder]);
  const names: string[] = [];
  for await (const name of own.keys()) names.push(name);
  for (const name of names) if (name !== CHECKPOINTS) await removeFrom(own, name);
  if (!names.includes(CHECKPOINTS)) await removeFrom(await makeFolder([FOLDER]), folder);
}

/** Opens the model that a run teaches, which nobody can remove as long as this worker lives. @throws as {@link openTaught}. */
export async function openToTeach(key: string): Promise<SavedRound> {
  await holdTaught(placeOf(key).folder);
  return openTaught(key);
}
