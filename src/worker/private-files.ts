import { GorpError } from '../base/errors.ts';
import { randomId } from '../base/random.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';

// The browser's private file system.

/** @throws GorpError `store/unavailable` if the browser has no such file system, or none for this page. */
export async function privateFolder(): Promise<FileSystemDirectoryHandle> {
  const { storage } = navigator as Partial<Navigator>;
  if (storage === undefined) {
    throw new GorpError(
      'store/unavailable',
      'The browser stores files only for pages over https or from this machine.',
      'Open the page over https, or as http://localhost on the machine that serves it.',
    );
  }
  try {
    return await storage.getDirectory();
  } catch (cause) {
    const { message, nextStep } = failed(cause);
    throw new GorpError('store/unavailable', message, nextStep, { cause });
  }
}

// oxlint-disable-next-line typescript/require-await -- files are written from async pieces.
export async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** Removes a file, or a folder with its contents, if it exists. */
export async function removeFrom(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await folder.removeEntry(name, { recursive: true }).catch((thrown: unknown) => {
    if (!isMissing(thrown)) throw failed(thrown);
  });
}

/** The bytes of a file, piece by piece. (Only newer browsers can iterate over streams.) */
export async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array> {
  const reader = file.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/**
 * Writes a stream to a file, which changes only when all content has arrived; after a failure it is as before.
 *
 * @throws GorpError `store/quota`, `store/failed`, `store/unavailable`, and what the content throws.
 */
export async function writeHandle(handle: FileSystemFileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  if (!('createWritable' in handle)) {
    throw new GorpError(
      'store/unavailable',
      'This browser cannot save files for a page: it lacks createWritable.',
      'Use a current version of Chrome, Edge, Firefox or Safari.',
    );
  }
  let writable: FileSystemWritableFileStream | undefined;
  try {
    writable = await handle.createWritable();
    for await (const piece of content) await writable.write(piece as Uint8Array<ArrayBuffer>);
    await writable.close();
  } catch (thrown) {
    await writable?.abort().catch(() => undefined);
    throw thrown instanceof GorpError ? thrown : failed(thrown);
  }
}

/** How long a browser may take to copy a file to its downloads, in milliseconds. Nothing tells when it has. */
const COPIED_MS = 600_000;

/** A file in the browser's private file system, to be written and then downloaded. */
export async function downloadFile(name: string): Promise<FileSystemFileHandle> {
  await removeDownloaded();
  return fileIn(await folderIn(await makeFolder(['download']), `${Date.now()}-${randomId()}`), name);
}

/** Removes the files of earlier downloads. */
export async function removeDownloaded(): Promise<void> {
  const all = await makeFolder(['download']);
  for await (const begun of all.keys()) {
    const isCopied = !(Date.now() - Number.parseInt(begun, 10) < COPIED_MS);
    if (isCopied) await removeFrom(all, begun).catch(() => undefined);
  }
}

/** A folder by its path, created if missing. */
export async function makeFolder(parts: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let folder = await privateFolder();
  for (const part of parts) folder = await folderIn(folder, part);
  return folder;
}

/** A folder in another, created if missing. @throws GorpError `store/quota`, `store/failed`. */
export const folderIn = (folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemDirectoryHandle> =>
  folder.getDirectoryHandle(name, { create: true }).catch((thrown: unknown) => {
    throw failed(thrown);
  });

/** A file in a folder, created if missing. @throws as {@link folderIn}. */
export const fileIn = (folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemFileHandle> =>
  folder.getFileHandle(name, { create: true }).catch((thrown: unknown) => {
    throw failed(thrown);
  });

/** Whether a folder has a file of this name. */
export const hasFile = (folder: FileSystemDirectoryHandle, name: string): Promise<boolean> =>
  folder.getFileHandle(name).then(
    () => true,
    (thrown: unknown) => {
      if (isMissing(thrown)) return false;
      throw failed(thrown);
    },
  );

/** Writes files into a folder. @throws as {@link writeHandle}. */
export async function writeInto(folder: FileSystemDirectoryHandle, files: readonly OutputFile[]): Promise<void> {
  for (const { path, content } of files) {
    const parts = path.split('/');
    const name = parts.pop() as string;
    let at = folder;
    for (const part of parts) at = await folderIn(at, part);
    await writeHandle(await fileIn(at, name), content());
  }
}

export const isMissing = (thrown: unknown): boolean =>
  thrown instanceof DOMException && thrown.name === 'NotFoundError';

/** A file system error as one that a person can act on. */
export function failed(cause: unknown): GorpError {
  if (cause instanceof DOMException && cause.name === 'QuotaExceededError') {
    return new GorpError(
      'store/quota',
      'The browser has no room left for the files.',
      'Under Models, remove what you do not need, or free disk space.',
      { cause },
    );
  }
  return new GorpError(
    'store/failed',
    `The browser could not store or read files: ${cause instanceof Error ? cause.message : String(cause)}.`,
    'Private windows often store nothing: use a normal one.',
    { cause },
  );
}

/** Every file below a folder, by its path there. @param isWanted whether to include an entry of the folder itself. */
export async function filesBelow(
  folder: FileSystemDirectoryHandle,
  isWanted: (name: string) => boolean = () => true,
): Promise<{ path: string; file: File }[]> {
  const found: { path: string; file: File }[] = [];
  const walk = async (at: FileSystemDirectoryHandle, above: string): Promise<void> => {
    for await (const [name, handle] of at.entries()) {
      const path = `${above}${name}`;
      if (above === '' && !isWanted(name)) continue;
      if (handle instanceof FileSystemDirectoryHandle) await walk(handle, `${path}/`);
      else if (handle instanceof FileSystemFileHandle) found.push({ path, file: await handle.getFile() });
    }
  };
  await walk(folder, '');
  return found;
}
