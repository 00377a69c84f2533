import { GorpError } from '../base/errors.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ByteFile } from '../weights/model-files.ts';

// The browser's private file system.

/** @throws GorpError `store/failed` where the browser has no such file system, or not for this page. */
export async function privateFolder(): Promise<FileSystemDirectoryHandle> {
  const { storage } = navigator as Partial<Navigator>;
  if (storage === undefined) {
    throw new GorpError(
      'store/failed',
      'The browser keeps no files for this page: it does so for pages over https or from this machine only.',
      'Open the page over https, or on the machine that serves it as http://localhost.',
    );
  }
  try {
    return await storage.getDirectory();
  } catch (cause) {
    throw failed(cause);
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- files are written from async pieces.
export async function* textOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** Removes a file or a folder with all that is in it, where it is there. */
export async function removeFrom(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await folder.removeEntry(name, { recursive: true }).catch((thrown: unknown) => {
    if (!isMissing(thrown)) throw failed(thrown);
  });
}

/** The bytes of a file, piece by piece. (Streams can be iterated over in newer browsers only.) */
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
 * Writes a stream to a file, which gets its content when all of it has come; on a failure the file stays as it was.
 *
 * @throws GorpError `store/quota`, `store/failed`, and what the content throws.
 */
export async function writeHandle(handle: FileSystemFileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  if (!('createWritable' in handle)) {
    throw new GorpError(
      'store/failed',
      'This browser cannot save files of a page: it lacks createWritable.',
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

/** A file in the browser's private file system, to be written and handed to the downloads. */
export async function downloadFile(name: string): Promise<FileSystemFileHandle> {
  const root = await privateFolder();
  // What was downloaded before is not needed any more.
  await root.removeEntry('download', { recursive: true }).catch(() => undefined);
  return fileIn(await makeFolder(['download']), name);
}

/** A folder by its path, made where it is not there. */
export async function makeFolder(parts: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let folder = await privateFolder();
  for (const part of parts) folder = await folderIn(folder, part);
  return folder;
}

/** A folder in another, made where it is not there. @throws GorpError `store/quota`, `store/failed`. */
export const folderIn = (folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemDirectoryHandle> =>
  folder.getDirectoryHandle(name, { create: true }).catch((thrown: unknown) => {
    throw failed(thrown);
  });

/** A file in a folder, made where it is not there. @throws as {@link folderIn}. */
export const fileIn = (folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemFileHandle> =>
  folder.getFileHandle(name, { create: true }).catch((thrown: unknown) => {
    throw failed(thrown);
  });

/** Writes files below a folder. @throws as {@link writeHandle}. */
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

/** What the file system throws, as an error that a person can act on. */
export function failed(cause: unknown): GorpError {
  if (cause instanceof DOMException && cause.name === 'QuotaExceededError') {
    return new GorpError(
      'store/quota',
      'The browser has no room left for the files.',
      'Delete models that are not needed, or free space on the disk.',
      { cause },
    );
  }
  return new GorpError(
    'store/failed',
    `The browser could not keep or read files: ${cause instanceof Error ? cause.message : String(cause)}.`,
    'Private windows often keep nothing: use a usual one.',
    { cause },
  );
}

/** A file that is read in parts. */
export const byteFile = (name: string, file: Blob): ByteFile => ({
  name,
  bytes: file.size,
  read: async (begin, end) => new Uint8Array(await file.slice(begin, end).arrayBuffer()),
  discard: () => Promise.resolve(),
});

/** Every file below a folder, by its path there. @param isWanted whether an entry of the folder itself is looked into. */
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
