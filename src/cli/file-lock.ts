import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** How locks are watched. */
export interface LockTimes {
  /** Milliseconds after which a live process renews its lock. */
  readonly beat?: number;
  /** Milliseconds without renewal after which a lock is abandoned. */
  readonly stale?: number;
  /** Ends the wait for somebody's lock. */
  readonly signal?: AbortSignal | undefined;
}

const BEAT_MS = 5000;
const STALE_MS = 30_000;
const LOOK_MS = 100;
/** How long to wait after a takeover before the lock counts as ours. */
const SETTLE_MS = 50;

interface Content {
  /** Identifies the holder: nobody else renews or removes the lock. */
  token: string;
  /** The purpose of the lock. */
  name: string;
  /** The process that holds it, if it can be looked up: where its id counts, and when it started. */
  process?: { id: number; here: string; started?: string };
}

/** Where process ids are comparable: this start of this machine, and this container. Null if unknown: not on Linux. */
const HERE = thisPlace();

function thisPlace(): string | null {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/**
 * A lock file for processes on one machine, or on machines that share a folder.
 *
 * No clock of another machine counts: the owner renews a number in the file, and whoever finds the lock watches that
 * number over its own clock. Of a process of this very machine it is known at once whether it has ended: until then the
 * lock is its own, even if it is stopped or too busy to renew it.
 */
export class FileLock {
  readonly #path: string;
  readonly #token: string;
  /** Of the very file: if another process has replaced the lock, renewing this one changes nothing. */
  readonly #file: FileHandle;
  readonly #beatAt: number;
  readonly #beat: NodeJS.Timeout;
  #beats = 0;

  private constructor(path: string, token: string, file: FileHandle, beatAt: number, beat: number) {
    this.#path = path;
    this.#token = token;
    this.#file = file;
    this.#beatAt = beatAt;
    this.#beat = setInterval(() => void this.#renew(), beat);
    this.#beat.unref();
  }

  /** Writes the file of a lock. @param path where it is going to be. */
  static async #write(file: string, path: string, content: Content, beat = BEAT_MS): Promise<FileLock> {
    const begin = `${JSON.stringify(content)}\n`;
    const handle = await open(file, 'wx');
    try {
      await handle.writeFile(begin + beatText(0));
    } catch (thrown) {
      // The disk is full.
      await handle.close();
      await rm(file, { force: true });
      throw thrown;
    }
    return new FileLock(path, content.token, handle, Buffer.byteLength(begin), beat);
  }

  /**
   * Takes a lock that nobody holds. An abandoned one is replaced by a rename, which only one of its finders may do: it
   * is never missing in between, and never replaced twice. Waits until it has seen that a lock is held or abandoned.
   *
   * @returns null if somebody holds it.
   * @throws what the file system throws, such as ENOENT for a missing folder.
   */
  static async take(path: string, name: string, times: LockTimes = {}): Promise<FileLock | null> {
    const started = lookUp(process.pid)?.started;
    const place = HERE === null || started === undefined ? {} : { process: { id: process.pid, here: HERE, started } };
    const content: Content = { token: randomUUID(), name, ...place };
    return (await this.#create(path, content, times)) ?? (await this.#takeOver(path, content, times));
  }

  /** Returns the purpose of a lock; null if nobody holds it. Waits as {@link take} does. */
  static async holder(path: string, times: LockTimes = {}): Promise<string | null> {
    const found = await look(path, times);
    return found.state === 'held' ? contentOf(found.print).name : null;
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    await this.#file.close();
    // Another process may hold it by now.
    const print = await printOf(this.#path);
    if (print !== null && contentOf(print).token === this.#token) await rm(this.#path, { force: true });
  }

  /**
   * Puts a lock in place together with its content: a killed process never leaves a lock without an owner.
   *
   * @returns null if there is a lock already.
   */
  static async #create(path: string, content: Content, times: LockTimes): Promise<FileLock | null> {
    const draft = draftOf(path, content);
    const lock = await this.#write(draft, path, content, times.beat);
    try {
      await link(draft, path);
      return lock;
    } catch (thrown) {
      await lock.release();
      const { code = '' } = thrown as NodeJS.ErrnoException;
      if (NO_LINKS.includes(code)) return await this.#createInPlace(path, content, times);
      // The lock's holder may have removed this draft along with the drafts of killed processes.
      if (code === 'EEXIST' || code === 'ENOENT') return null;
      throw thrown;
    } finally {
      await rm(draft, { force: true });
    }
  }

  static async #createInPlace(path: string, content: Content, times: LockTimes): Promise<FileLock | null> {
    try {
      return await this.#write(path, path, content, times.beat);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
      return null;
    }
  }

  static async #takeOver(path: string, content: Content, times: LockTimes): Promise<FileLock | null> {
    const found = await look(path, times);
    if (found.state === 'held') return null;
    if (found.state === 'free') return this.#create(path, content, times);
    const guard = await FileLock.take(`${path}.takeover`, content.name, times);
    if (guard === null) return null;
    try {
      // Whoever had the guard before may have replaced the lock.
      if ((await printOf(path)) !== found.print) return null;
      const draft = draftOf(path, content);
      const lock = await this.#write(draft, path, content, times.beat);
      await rename(draft, path);
      await wait(SETTLE_MS);
      const now = await printOf(path);
      if (now !== null && contentOf(now).token === content.token) return lock;
      await lock.release();
      return null;
    } finally {
      await guard.release();
    }
  }

  async #renew(): Promise<void> {
    try {
      await this.#file.write(beatText(++this.#beats), this.#beatAt);
      await this.#file.datasync();
    } catch {
      // It has been released meanwhile, or the disk is gone: the next beat tries again.
    }
  }
}

/** The number that its owner renews, always of the same length. */
const beatText = (beats: number): string => String(beats).padStart(10, '0');

/** Error codes of file systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/** Named like the drafts of other files, which are removed once their process is dead. */
const draftOf = (path: string, { token }: Content): string => `${path}.${token}.partial`;

type Found = { readonly state: 'free' } | { readonly state: 'held' | 'abandoned'; readonly print: string };

/** The last seen content of each lock, and since when this process has seen no change, by its own clock. */
const seen = new Map<string, { print: string; since: number }>();

/** Watches a lock until it is known whether somebody holds it. */
async function look(path: string, { stale = STALE_MS, signal }: LockTimes): Promise<Found> {
  for (;;) {
    const print = await printOf(path);
    if (print === null) {
      seen.delete(path);
      return { state: 'free' };
    }
    const life = lifeOf(contentOf(print));
    if (life !== 'unknown') return { state: life === 'alive' ? 'held' : 'abandoned', print };
    const before = seen.get(path);
    if (before?.print !== print) {
      seen.set(path, { print, since: performance.now() });
      if (before !== undefined) return { state: 'held', print };
    } else if (performance.now() - before.since >= stale) return { state: 'abandoned', print };
    await wait(LOOK_MS, undefined, { signal });
  }
}

/** All that its owner may renew: the content, and the time of the last change, whatever clock that is from. */
async function printOf(path: string): Promise<string | null> {
  const handle = await open(path, 'r').catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw thrown;
  });
  if (handle === null) return null;
  try {
    const text = await handle.readFile('utf8');
    return `${text}\n${(await handle.stat()).mtimeMs}`;
  } finally {
    await handle.close();
  }
}

/** A lock that a crash cut off has any text: it counts as its name. */
function contentOf(print: string): Content {
  const [line] = print.split('\n', 1);
  try {
    return JSON.parse(line) as Content;
  } catch {
    return { token: '', name: line };
  }
}

/** Whether the process of a lock lives. Nobody can look up those of other machines. */
function lifeOf({ process: holder }: Content): 'alive' | 'ended' | 'unknown' {
  if (HERE === null || holder?.here !== HERE) return 'unknown';
  const found = lookUp(holder.id);
  if (found === null) return 'ended';
  if (holder.started === undefined) return 'unknown';
  return found.started === holder.started ? 'alive' : 'ended'; // another process may have the id by now
}

/** When a process of this machine started, in the system's clock ticks; null if it has ended, or on other systems. */
function lookUp(id: number): { started: string } | null {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before may have spaces
    return 'ZX'.includes(fields[0]) ? null : { started: fields[19] };
  } catch {
    return null;
  }
}
