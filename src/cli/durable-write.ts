import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** How a file is called until it is complete: no two processes choose the same, on whatever machines. */
const draftOf = (path: string): string => `${path}.${randomUUID()}.partial`;
const DRAFT = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.partial$/;

/**
 * Writes a file aside, flushes it to disk and renames it: whatever happens, there is the old file, the new one or none,
 * and never a part. Folders on the way are made.
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
 * Puts a folder in its place once all of its files are written, in one step. One that is there is replaced.
 *
 * @param fill writes the files below the folder that it is given.
 */
export async function writeFolderDurably(path: string, fill: (draft: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = draftOf(path);
  const old = draftOf(path);
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

/** Removes the drafts that killed processes have left in a folder and below. Nobody may be writing there. */
export async function removeDrafts(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (DRAFT.test(entry.name)) await rm(path, { recursive: true, force: true });
    else if (entry.isDirectory()) await removeDrafts(path);
  }
}

/** A rename is on disk when its folder is. Some systems (Windows) cannot flush one, and need not. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
