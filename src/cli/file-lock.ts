import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** A lock whose process is alive is touched this often; one not touched for longer than STALE_MS counts for nothing. */
const BEAT_MS = 5000;
export const STALE_MS = 30_000;
/** How long a lock that was taken over is left alone before it counts as ours. */
const SETTLE_MS = 50;

interface Content {
  /** Of the one that holds it: nobody else touches or removes the lock. */
  token: string;
  /** What it is for. */
  name: string;
}

/** A lock on disk, a file: for processes on one machine, or on machines that share a folder. */
export class FileLock {
  readonly #path: string;
  readonly #token: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
    this.#beat = setInterval(() => void this.#touch(), BEAT_MS);
    this.#beat.unref();
  }

  /**
   * Takes a lock that nobody holds. One that a killed process has left behind is replaced by a rename, which only one
   * of those who find it may do: it is never missing in between, and never replaced twice.
   *
   * @returns null where somebody holds it.
   * @throws what the file system throws, such as ENOENT for a missing folder.
   */
  static async take(path: string, name: string): Promise<FileLock | null> {
    const content: Content = { token: randomUUID(), name };
    if (!(await create(path, content)) && !(await takeOver(path, content))) return null;
    return new FileLock(path, content.token);
  }

  /** What a lock is for; null where nobody holds it. */
  static async holder(path: string): Promise<string | null> {
    return (await isAlive(path)) ? ((await read(path))?.name ?? '') : null;
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    // After a long sleep it may have become another's.
    if ((await read(this.#path))?.token === this.#token) await rm(this.#path, { force: true });
  }

  async #touch(): Promise<void> {
    const now = new Date();
    if ((await read(this.#path))?.token === this.#token) await utimes(this.#path, now, now).catch(() => undefined);
  }
}

/** @returns whether the file is there with this content now, and was not before. */
async function create(path: string, content: Content): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(JSON.stringify(content));
    } finally {
      await file.close();
    }
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    return false;
  }
}

async function takeOver(path: string, content: Content): Promise<boolean> {
  if (await isAlive(path)) return false;
  const guard = `${path}.takeover`;
  if (!(await create(guard, content))) {
    // Its owner has died within these few lines; the next try finds it gone.
    if (!(await isAlive(guard))) await rm(guard, { force: true });
    return false;
  }
  try {
    // Another may have been here between the look and the guard.
    if (await isAlive(path)) return false;
    const draft = `${path}.${content.token}`;
    await writeFile(draft, JSON.stringify(content));
    await rename(draft, path);
    await wait(SETTLE_MS);
    return (await read(path))?.token === content.token;
  } finally {
    await rm(guard, { force: true });
  }
}

const isAlive = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs < STALE_MS,
    () => false,
  );

/** Null for a lock that is gone. One that an earlier version wrote holds its name alone. */
async function read(path: string): Promise<Content | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as Content;
  } catch {
    return { token: '', name: text };
  }
}
