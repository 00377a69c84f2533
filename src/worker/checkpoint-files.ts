import * as v from 'valibot';
import { bad, type CheckpointFile } from '../run/files/saved-run.ts';
import { CHECKPOINT_FILE } from '../run/files/layout.ts';
import { jsonFile } from '../weights/exports/output-file.ts';
import { filesBelow, folderIn, isMissing, removeFrom, writeInto } from './private-files.ts';

// Checkpoints of a run in the browser's private file system, by number. A file that has not changed stays in the folder of
// the checkpoint that wrote it, since these file systems have no links.

const NUMBER = /^\d{6}$/;
/** Names the checkpoints that wrote the unchanged files of one. */
const ELSEWHERE_FILE = 'elsewhere.json';
const ElsewhereSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.number()));

/** The folder of a checkpoint. */
export const nameOf = (number: number): string => String(number).padStart(6, '0');

/** The numbers of checkpoints, and of what is left of older ones, in order. */
export async function numbersIn(all: FileSystemDirectoryHandle): Promise<number[]> {
  const numbers: number[] = [];
  for await (const name of all.keys()) if (NUMBER.test(name)) numbers.push(Number(name));
  return numbers.sort((a, b) => a - b);
}

/**
 * Writes a checkpoint, the last of its files last: that one completes it.
 *
 * @param before number of the checkpoint from which unchanged files may be used: the one before the last.
 * @throws GorpError `store/quota`, `store/failed`; part of it may then be there.
 */
export async function writeCheckpoint(
  all: FileSystemDirectoryHandle,
  number: number,
  files: readonly CheckpointFile[],
  before: number | undefined,
): Promise<void> {
  const earlier = before === undefined ? new Map<string, number>() : await placesOf(all, before);
  const elsewhere = new Map<string, number>();
  for (const { path, isUnchanged = false } of files) {
    const where = isUnchanged ? earlier.get(path) : undefined;
    if (where !== undefined) elsewhere.set(path, where);
  }
  const own = files.filter(({ path }) => !elsewhere.has(path));
  const places = jsonFile(ELSEWHERE_FILE, Object.fromEntries(elsewhere));
  await writeInto(await folderIn(all, nameOf(number)), [places, ...own]);
}

/** The files of a checkpoint that are there, by path. @throws GorpError `run/bad-checkpoint`. */
export async function filesOf(all: FileSystemDirectoryHandle, number: number): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  for (const [path, where] of await placesOf(all, number)) {
    const file = (await ownFiles(all, where)).get(path);
    if (file) files.set(path, file);
  }
  return files;
}

/** Whether its last file is there; otherwise its writing was cut off. */
export const isComplete = async (all: FileSystemDirectoryHandle, number: number): Promise<boolean> =>
  (await ownFiles(all, number)).has(CHECKPOINT_FILE);

/** Removes what the last complete checkpoints do not need. @param count how many of them stay. */
export async function removeOlder(all: FileSystemDirectoryHandle, count: number): Promise<void> {
  const owned = new Map<number, string[]>();
  for (const number of await numbersIn(all)) owned.set(number, [...(await ownFiles(all, number)).keys()]);
  const complete = [...owned].flatMap(([number, paths]) => (paths.includes(CHECKPOINT_FILE) ? [number] : []));
  const newest = complete.slice(-count);
  const needed = new Set<string>();
  for (const number of newest) {
    for (const [path, where] of await placesOf(all, number)) needed.add(`${where} ${path}`);
  }
  for (const [number, own] of owned) {
    if (newest.includes(number)) continue;
    const unneeded = own.filter((path) => !needed.has(`${number} ${path}`));
    if (unneeded.length === own.length) await removeFrom(all, nameOf(number));
    else for (const path of unneeded) await removeFile(await folderIn(all, nameOf(number)), path);
  }
}

/** The number of the checkpoint that wrote each file of one. @throws GorpError `run/bad-checkpoint`. */
async function placesOf(all: FileSystemDirectoryHandle, number: number): Promise<Map<string, number>> {
  const own = await ownFiles(all, number);
  const text = await own.get(ELSEWHERE_FILE)?.text();
  const elsewhere = v.safeParse(ElsewhereSchema, text ?? '{}');
  if (!elsewhere.success) throw bad('checkpoint', `${ELSEWHERE_FILE} is damaged`);
  own.delete(ELSEWHERE_FILE);
  const here = [...own.keys()].map((path): [string, number] => [path, number]);
  return new Map([...Object.entries(elsewhere.output), ...here]);
}

/** The files in the folder of a checkpoint; none if it is gone. */
async function ownFiles(all: FileSystemDirectoryHandle, number: number): Promise<Map<string, File>> {
  try {
    const files = await filesBelow(await all.getDirectoryHandle(nameOf(number)));
    return new Map(files.map(({ path, file }) => [path, file]));
  } catch (thrown) {
    if (isMissing(thrown)) return new Map();
    throw thrown;
  }
}

async function removeFile(folder: FileSystemDirectoryHandle, path: string): Promise<void> {
  const parts = path.split('/');
  const name = parts.pop() as string;
  let at = folder;
  for (const part of parts) at = await folderIn(at, part);
  await removeFrom(at, name);
}
