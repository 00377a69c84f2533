import { randomId } from '../../base/random-id.ts';
import type { OutputFile } from '../../weights/exports/output-file.ts';
import { makeFolder, removeFrom, writeHandle } from '../private-files.ts';
import { readNow } from './file-bytes.ts';
import type { Stage } from './prepared-models.ts';

/**
 * Data files in the browser's private file system, in a folder per worker, `try/ID/…`. The worker holds a lock of that
 * name.
 */
const FOLDER = 'try';
const lockOf = (id: string): string => `gorp-web-${FOLDER}/${id}`;

/**
 * A stage for this worker alone. Removes what earlier workers left.
 *
 * @throws GorpError `store/failed` if the browser has no such file system; `write` also `store/quota`.
 */
export async function openStage(): Promise<Stage> {
  const all = await makeFolder([FOLDER]);
  const id = randomId();
  await new Promise<void>((resolve, reject) => {
    // Held for as long as the worker lives.
    navigator.locks
      .request(lockOf(id), () => {
        resolve();
        return new Promise<never>(() => undefined);
      })
      .catch(reject);
  });
  const { held = [] } = await navigator.locks.query();
  const busy = new Set(held.map(({ name }) => name));
  for await (const name of all.keys()) if (!busy.has(lockOf(name))) await removeFrom(all, name);
  const folder = await makeFolder([FOLDER, id]);
  const written = new Map<string, File>();
  const file = (path: string): File => {
    const found = written.get(path);
    if (found === undefined) throw new Error(`${path} has not been written.`);
    return found;
  };
  return {
    write: async ({ path, content }: OutputFile) => {
      const handle = await folder.getFileHandle(path, { create: true });
      await writeHandle(handle, content());
      written.set(path, await handle.getFile());
    },
    size: (path) => file(path).size,
    read: (path, begin, end) => readNow(file(path), begin, end),
  };
}
