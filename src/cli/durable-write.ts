import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The name of a file until it is complete: unique across processes and machines. */
const draftOf = (path: string): string => `${path}.${randomUUID()}.partial`;
/** The name of a folder until another has replaced it. */
const replacedOf = (path: string): string => `${path}.${randomUUID()}.replaced`;
const ASIDE = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(partial|replaced)$/;

/**
 * Writes a file aside, flushes it to disk and renames it: a crash leaves the old file, the new one or none, never a
 * partial one. Creates missing folders.
 */
export async function writeDurably(path: string, content: AsyncIterable<Uint8Array> | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = draftOf(path);
  try {
    const file = await open(draft, 'wx');
    try {
      if (typeof content === 'string') await file.writeFile(content);
      else for await (const piece of content) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await flushFolder(dirname(path));
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
}

/**
 * Moves a folder into place in one step once all its files are written. Replaces an existing one.
 *
 * @param fill writes the files into the folder it is given.
 */
export async function writeFolderDurably(path: string, fill: (draft: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = draftOf(path);
  const old = replacedOf(path);
  try {
    await mkdir(draft);
    await fill(draft);
    const replaces = await rename(path, old).then(
      () => true,
      (thrown: unknown) => {
        if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
        throw thrown;
      },
    );
    try {
      await rename(draft, path);
    } catch (thrown) {
      if (replaces) await rename(old, path);
      throw thrown;
    }
    await flushFolder(dirname(path));
  } finally {
    for (const left of [draft, old]) await rm(left, { recursive: true, force: true });
  }
}

/**
 * Moves files into a folder, in their order, once all are written. Removes what killed processes left of them; no other
 * process may be writing them.
 *
 * @param fill writes the files into the folder it is given.
 */
export async function writeTogetherDurably(
  folder: string,
  paths: readonly string[],
  fill: (draft: string) => Promise<void>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const path of paths) await removeDraftsOf(join(folder, path));
  const draft = draftOf(join(folder, paths.at(-1) ?? ''));
  try {
    await mkdir(draft);
    await fill(draft);
    for (const path of paths) {
      const target = join(folder, path);
      await mkdir(dirname(target), { recursive: true });
      await rename(join(draft, path), target);
    }
    for (const parent of new Set(paths.map((path) => dirname(join(folder, path))))) await flushFolder(parent);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Removes the drafts that killed processes left in a folder and below, and puts back a folder whose replacement did not
 * come. No process may be writing there.
 */
export async function removeDrafts(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    const [suffix, kind] = ASIDE.exec(entry.name) ?? [];
    if (suffix === undefined) {
      if (entry.isDirectory()) await removeDrafts(path);
      continue;
    }
    const target = path.slice(0, -suffix.length);
    if (kind === 'replaced' && !existsSync(target)) await rename(path, target);
    else await rm(path, { recursive: true, force: true });
  }
}

/** Removes the drafts of one file that killed processes left. No process may be writing it. */
export async function removeDraftsOf(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    const found = ASIDE.exec(name);
    if (found?.[1] !== 'partial' || name.slice(0, found.index) !== basename(path)) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** A rename is on disk once its folder is flushed. Some systems (Windows) cannot flush folders, and need not. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
