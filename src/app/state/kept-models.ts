import { createStore, get, set } from 'idb-keyval';
import { GorpError } from '../../base/errors.ts';
import { modelFilesOf, type PickedFile } from '../../weights/picked-folder.ts';
import { GIVEN } from '../../worker/protocol.ts';

/**
 * Copies of models that a person gave from the disk, in the browser's private file system. A page loses its access to
 * files of the disk when it reloads, so that they would have to be given again.
 */
/** Written last: without it a copy was cut off. */
const COMPLETE = '.complete';

/** Files of a model that a person picked or dropped, and a name for all of them. */
export interface Picked {
  name: string;
  files: PickedFile[];
}

/** A copy of a model. */
export interface KeptModel {
  readonly name: string;
  readonly bytes: number;
}

async function folder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(GIVEN, { create: true });
}

/** The files of a copy by their paths, with what completes it; none if there is no copy. */
async function filesIn(copy: FileSystemDirectoryHandle): Promise<Map<string, File>> {
  const files = new Map<string, File>();
  for await (const [name, handle] of copy.entries())
    if (handle instanceof FileSystemFileHandle) files.set(decodeURIComponent(name), await handle.getFile());
  return files;
}

/** The complete copies; none if the browser has no private file system. */
export async function keptModels(): Promise<KeptModel[]> {
  const kept: KeptModel[] = [];
  try {
    for await (const [name, handle] of (await folder()).entries()) {
      if (!(handle instanceof FileSystemDirectoryHandle)) continue;
      const files = await filesIn(handle);
      if (!files.delete(COMPLETE)) continue;
      kept.push({
        name: decodeURIComponent(name),
        bytes: [...files.values()].reduce((sum, { size }) => sum + size, 0),
      });
    }
  } catch {
    return []; // the page works without it
  }
  return kept;
}

/** The files of a complete copy; null if there is none. */
export async function openKept(name: string): Promise<PickedFile[] | null> {
  try {
    const files = await filesIn(await (await folder()).getDirectoryHandle(encodeURIComponent(name)));
    return files.delete(COMPLETE) ? Array.from(files, ([path, blob]) => ({ path, blob })) : null;
  } catch {
    return null;
  }
}

/**
 * Copies the files of a model. On failure nothing of them remains.
 *
 * @param onBytes called with the bytes copied so far.
 * @throws GorpError `store/quota`, `store/unavailable`, `store/failed`.
 */
export async function keepModel({ name, files }: Picked, onBytes: (bytes: number) => void): Promise<void> {
  const key = encodeURIComponent(name);
  try {
    await navigator.locks.request(`gorp-web-given/${key}`, async () => {
      const all = await folder();
      await removeFrom(all, key); // what an earlier copy left
      try {
        const copy = await all.getDirectoryHandle(key, { create: true });
        let bytes = 0;
        for (const { path, blob } of modelFilesOf(files)) {
          const to = await (await copy.getFileHandle(encodeURIComponent(path), { create: true })).createWritable();
          const reader = blob.stream().getReader();
          for (let next = await reader.read(); !next.done; next = await reader.read()) {
            await to.write(next.value);
            onBytes((bytes += next.value.length));
          }
          await to.close();
        }
        await (await (await copy.getFileHandle(COMPLETE, { create: true })).createWritable()).close();
      } catch (thrown) {
        await removeFrom(all, key);
        throw thrown;
      }
    });
  } catch (cause) {
    const isFull = cause instanceof DOMException && cause.name === 'QuotaExceededError';
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GorpError(
      isFull ? 'store/quota' : 'store/failed',
      isFull ? `The browser has no room for a copy of ${name}.` : `${name} could not be copied: ${why}.`,
      isFull
        ? 'Remove models under Models, or free disk space.'
        : 'Use it without a copy: it is asked for after a reload.',
      { cause },
    );
  }
}

/** Removes a copy, complete or not. */
export async function removeKept(name: string): Promise<void> {
  await removeFrom(await folder(), encodeURIComponent(name));
}

async function removeFrom(all: FileSystemDirectoryHandle, key: string): Promise<void> {
  await all.removeEntry(key, { recursive: true }).catch((thrown: unknown) => {
    if (!(thrown instanceof DOMException && thrown.name === 'NotFoundError')) throw thrown;
  });
}

/** File handles by the names of models. */
export interface Places {
  readonly get: (name: string) => Promise<readonly FileSystemFileHandle[] | undefined>;
  readonly set: (name: string, handles: readonly FileSystemFileHandle[]) => Promise<unknown>;
}

const database = () => createStore('gorp-web-places', 'files');
const BROWSER: Places = {
  get: (name) => get(name, database()),
  set: (name, handles) => set(name, handles, database()),
};

/** Remembers where on the disk the files of a model are, in browsers whose file picker tells it. */
export async function rememberPlace(
  name: string,
  handles: readonly FileSystemFileHandle[],
  places = BROWSER,
): Promise<boolean> {
  try {
    await places.set(name, handles);
    return true;
  } catch {
    return false; // the page works without it
  }
}

/**
 * Opens the files of a model where they were chosen before.
 *
 * @param mayAsk whether to ask the person for permission, which browsers allow only while a click is handled.
 * @returns the files; `locked` if the person has to allow it; null if no place is known, or they are no longer there.
 */
export async function openPlace(
  name: string,
  mayAsk: boolean,
  places = BROWSER,
): Promise<PickedFile[] | 'locked' | null> {
  try {
    const handles = (await places.get(name)) ?? [];
    for (const handle of handles) {
      const permission = await (mayAsk
        ? handle.requestPermission({ mode: 'read' })
        : handle.queryPermission({ mode: 'read' }));
      if (permission !== 'granted') return 'locked';
    }
    const files = await Promise.all(
      handles.map(async (handle) => ({ path: handle.name, blob: await handle.getFile() })),
    );
    return files.length === 0 ? null : files;
  } catch {
    return null; // moved or removed, or on a disk that is not there today
  }
}
