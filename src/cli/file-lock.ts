import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

/** A live process touches its lock this often; a lock untouched for STALE_MS counts as free. */
const BEAT_MS = 5000;
export const STALE_MS = 30_000;
/** After the machine slept, locks are stale until the processes that hold them touch them, within a beat. */
const AWAKENING_MS = 2 * BEAT_MS;
const LOOK_MS = 100;
/** How long to wait after a takeover before the lock counts as ours. */
const SETTLE_MS = 50;

interface Content {
  /** Identifies the holder: nobody else touches or removes the lock. */
  token: string;
  /** What it is for. */
  name: string;
  /** The process that holds it, if it can be looked up; locks of earlier versions do not name it. */
  process?: { id: number; where: string };
}

/** Where process ids are comparable: this machine and container. */
const HERE = `${hostname()} ${pidNamespace()}`;

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // only Linux has them
  }
}

/** A lock file for processes on one machine, or on machines that share a folder. */
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
   * Takes a lock that nobody holds. The lock of a killed process is replaced by a rename, which only one of its finders
   * may do: it is never missing in between, and never replaced twice.
   *
   * @param awakening milliseconds that a live process of this machine has to touch its stale lock.
   * @returns null if somebody holds it.
   * @throws what the file system throws, such as ENOENT for a missing folder.
   */
  static async take(path: string, name: string, awakening = AWAKENING_MS): Promise<FileLock | null> {
    const content: Content = { token: randomUUID(), name, process: { id: process.pid, where: HERE } };
    if (!(await create(path, content)) && !(await takeOver(path, content, awakening))) return null;
    return new FileLock(path, content.token);
  }

  /** What a lock is for; null if nobody holds it. */
  static async holder(path: string): Promise<string | null> {
    return (await isAlive(path)) ? ((await read(path))?.name ?? '') : null;
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    // After a long sleep another process may hold it.
    if ((await read(this.#path))?.token === this.#token) await rm(this.#path, { force: true });
  }

  async #touch(): Promise<void> {
    const now = new Date();
    if ((await read(this.#path))?.token === this.#token) await utimes(this.#path, now, now).catch(() => undefined);
  }
}

/** Error codes of file systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/**
 * Puts a lock in place together with its content: a killed process never leaves a lock without an owner.
 *
 * @returns whether the file is there with this content now, and was not before.
 */
async function create(path: string, content: Content): Promise<boolean> {
  const draft = draftOf(path, content);
  await writeFile(draft, JSON.stringify(content));
  try {
    await link(draft, path);
    return true;
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (NO_LINKS.includes(code)) return await createInPlace(path, content);
    // The lock's holder may have removed this draft along with the drafts of killed processes.
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw thrown;
  } finally {
    await rm(draft, { force: true });
  }
}

async function createInPlace(path: string, content: Content): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(content), { flag: 'wx' });
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    return false;
  }
}

/** Named like the drafts of other files, which are removed once their process is dead. */
const draftOf = (path: string, { token }: Content): string => `${path}.${token}.partial`;

async function takeOver(path: string, content: Content, awakening: number): Promise<boolean> {
  if ((await isAlive(path)) || (await awakens(path, awakening))) return false;
  const guard = `${path}.takeover`;
  if (!(await create(guard, content))) {
    if (await isAlive(guard)) return false;
    // Its owner died during this takeover.
    await rm(guard, { force: true });
    return takeOver(path, content, awakening);
  }
  try {
    // Another process may have come between the check and the guard. If the lock is gone, whoever creates it first wins.
    if (await isAlive(path)) return false;
    if ((await read(path)) === null) return await create(path, content);
    const draft = draftOf(path, content);
    await writeFile(draft, JSON.stringify(content));
    await rename(draft, path);
    await wait(SETTLE_MS);
    return (await read(path))?.token === content.token;
  } finally {
    await rm(guard, { force: true });
  }
}

/** A lock is alive while it is touched. The lock of a process on this machine dies with it. */
async function isAlive(path: string): Promise<boolean> {
  return (await isTouched(path)) && lives((await read(path))?.process) !== false;
}

const isTouched = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs < STALE_MS,
    () => false,
  );

/** Whether the process of a stale lock lives on this machine, and touches the lock within so many milliseconds. */
async function awakens(path: string, milliseconds: number): Promise<boolean> {
  for (let left = milliseconds; left > 0; left -= LOOK_MS) {
    if (lives((await read(path))?.process) !== true) return false;
    await wait(LOOK_MS);
    if (await isTouched(path)) return true;
  }
  return false; // another process has got the number of a killed one
}

/** Undefined for processes elsewhere, which nobody can look up. */
function lives(holder: Content['process']): boolean | undefined {
  if (holder?.where !== HERE) return undefined;
  try {
    process.kill(holder.id, 0); // sends nothing
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Null if the lock is gone. Locks of earlier versions contain only their name. */
async function read(path: string): Promise<Content | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as Content;
  } catch {
    return { token: '', name: text };
  }
}
