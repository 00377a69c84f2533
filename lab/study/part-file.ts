import { mkdir, open, readFile, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GorpError } from '../../src/base/errors.ts';
import { lineOf, parseLine, type RunLine } from '../../src/run/run-lines.ts';
import { flushFolder, writeDurably } from '../../src/cli/durable-write.ts';
import { FileLock } from '../../src/cli/file-lock.ts';
import { named } from '../../src/cli/round-folder.ts';

/** A complete part of at least so many bytes is packed. */
const PACKED_FROM = 256 * 1024;
/** How long to wait before trying again to lock a file that another process is writing. */
const WAIT_MS = 50;
const LINE_FEED = 10;

/**
 * The runs of one part of a study on disk: a line of JSON each, in `PART.jsonl`. Large parts that are complete are
 * packed into `PART.jsonl.gz`; runs added after that stand in `PART.jsonl` again until they are packed too.
 *
 * Processes on several machines may add runs: each locks the file, appends a whole line and flushes it to disk. A crash
 * while a line is appended leaves a last line without a line feed. Readers ignore it, since another process may still be
 * writing it; the next process that locks the file ends it if it is whole, else cuts it off. Any other line that cannot
 * be read is an error.
 */
export class PartFile {
  readonly #plain: string;
  readonly #packed: string;
  readonly #warn: (message: string) => void;
  #known = new KnownLines('');

  /**
   * @param path of the part's files, without `.jsonl`.
   * @param warn reports a line that was cut off.
   */
  constructor(path: string, warn: (message: string) => void) {
    this.#plain = `${path}.jsonl`;
    this.#packed = `${path}.jsonl.gz`;
    this.#warn = warn;
  }

  /**
   * The runs by their names, as they are on disk now.
   *
   * @throws GorpError `run/bad-results`, naming the line that cannot be read.
   */
  async runs(): Promise<ReadonlyMap<string, RunLine>> {
    for (;;) {
      const packed = await signatureOf(this.#packed);
      const added = await readIfThere(this.#plain);
      const known = this.#known.packed === packed && this.#known.isBeginningOf(added) ? this.#known : null;
      const next = known ?? new KnownLines(packed);
      if (known === null && packed !== '') next.take(await this.#unpacked(), this.#packed);
      // A part that was packed meanwhile is read again, or its added lines could be missed.
      if ((await signatureOf(this.#packed)) !== packed) continue;
      next.takeAdded(added, this.#plain);
      this.#known = next;
      return next.runs;
    }
  }

  /**
   * Adds a run, unless it is there.
   *
   * @returns whether it was added.
   * @throws GorpError `store/failed`, `run/bad-results`.
   */
  add(line: RunLine): Promise<boolean> {
    return this.#locked(async () => {
      await this.#mend();
      if ((await this.runs()).has(line.run)) return false;
      await append(this.#plain, lineOf(line));
      return true;
    });
  }

  /** Cuts off what a crash left of a last line, and reports it. @throws as {@link add}. */
  async mend(): Promise<void> {
    await this.runs();
    if (this.#known.rest.length > 0) await this.#locked(() => this.#mend());
  }

  /** Packs the part if it is large. Only a complete part is worth it. @throws as {@link add}. */
  async pack(): Promise<void> {
    if ((await stat(this.#plain).catch(() => null)) === null) return;
    await this.#locked(async () => {
      await this.#mend();
      const packed = this.#known.packed === '' ? [] : [await this.#unpacked()];
      const lines = Buffer.concat([...packed, await readIfThere(this.#plain)]);
      if (lines.length < PACKED_FROM) return;
      await writeDurably(this.#packed, asPieces(gzipSync(lines, { level: 9 })));
      await rm(this.#plain);
    });
  }

  async #mend(): Promise<void> {
    await this.runs();
    const { rest, bytes, lines } = this.#known;
    if (rest.length === 0) return;
    const where = `${this.#plain}, line ${lines + 1}`;
    if (isWhole(rest)) {
      parseLine(rest.toString('utf8'), where);
      return append(this.#plain, '\n');
    }
    await truncate(this.#plain, bytes);
    this.#warn(`${where} was cut off by a crash. It is removed, and its run is made again.`);
  }

  async #unpacked(): Promise<Buffer> {
    const bytes = await readFile(this.#packed);
    try {
      return gunzipSync(bytes);
    } catch (cause) {
      throw new GorpError(
        'run/bad-results',
        `${this.#packed} is damaged: ${cause instanceof Error ? cause.message : String(cause)}.`,
        'Restore the file from a copy, or delete it to repeat its runs.',
        { cause },
      );
    }
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    return named(this.#plain, async () => {
      await mkdir(dirname(this.#plain), { recursive: true });
      const lock = await waitForLock(`${this.#plain}.lock`, 'the runs of a study');
      try {
        return await work();
      } finally {
        await lock.release();
      }
    });
  }
}

/** What has been read of a part's files. */
class KnownLines {
  /** Which packed file it contains. */
  readonly packed: string;
  readonly runs = new Map<string, RunLine>();
  /** Whole lines of the plain file, and their bytes. */
  lines = 0;
  bytes = 0;
  /** What follows them. */
  rest: Buffer = Buffer.alloc(0);

  constructor(packed: string) {
    this.packed = packed;
  }

  isBeginningOf(added: Buffer): boolean {
    return added.length >= this.bytes;
  }

  /** Takes the lines of a packed file. @throws GorpError `run/bad-results`. */
  take(text: Buffer, file: string): void {
    const { lines, end } = this.#read(text, file, 0);
    if (end < text.length) parseLine(text.toString('utf8', end), `${file}, line ${lines + 1}`);
  }

  /** Takes the lines of the plain file that it has beyond the known ones. @throws GorpError `run/bad-results`. */
  takeAdded(text: Buffer, file: string): void {
    const { lines, end } = this.#read(text.subarray(this.bytes), file, this.lines);
    this.lines += lines;
    this.bytes += end;
    this.rest = text.subarray(this.bytes);
  }

  #read(text: Buffer, file: string, before: number): { lines: number; end: number } {
    let [lines, end] = [0, 0];
    for (;;) {
      const feed = text.indexOf(LINE_FEED, end);
      if (feed === -1) return { lines, end };
      this.#put(parseLine(text.toString('utf8', end, feed), `${file}, line ${before + lines + 1}`), file);
      end = feed + 1;
      lines += 1;
    }
  }

  /** A crash after packing leaves lines in both files. */
  #put(line: RunLine, file: string): void {
    const there = this.runs.get(line.run);
    if (there === undefined) this.runs.set(line.run, line);
    else if (lineOf(there) !== lineOf(line)) {
      throw new GorpError(
        'run/bad-results',
        `${file} has the run ${line.run} twice, with different results.`,
        'Delete one of the two lines.',
      );
    }
  }
}

/** Names the state of a file; empty if there is none. */
const signatureOf = (path: string): Promise<string> =>
  stat(path).then(
    ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
    () => '',
  );

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw thrown;
  }
}

/** Whether a line is all there, for only its line feed is missing. */
function isWhole(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

/** Appends a text and flushes it to disk. If that fails, the file is as before. */
async function append(path: string, text: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    const { size } = await file.stat();
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (thrown) {
      await file.truncate(size).catch(() => undefined); // what is left is cut off later
      throw thrown;
    }
    if (size === 0) await flushFolder(dirname(path));
  } finally {
    await file.close();
  }
}

/** Waits for a lock that processes hold for a moment, and which is taken over after a crash. */
export async function waitForLock(path: string, name: string): Promise<FileLock> {
  for (;;) {
    const lock = await FileLock.take(path, name);
    if (lock !== null) return lock;
    await sleep(WAIT_MS);
  }
}

async function* asPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
