import { asPieces } from '../../src/base/pieces.ts';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GorpError } from '../../src/base/errors.ts';
import { removeDrafts, writeDurably } from '../../src/cli/durable-write.ts';
import { FileLock } from '../../src/cli/file-lock.ts';
import { named } from '../../src/cli/round-folder.ts';
import { type RunLine, lineOf, linesIn, parseLine, parseLines } from '../../src/run/results/results.ts';

/** A complete part of at least so many bytes is packed. */
const PACKED_FROM = 256 * 1024;
/** How long to wait before trying again to take a lock that processes hold for a moment. */
const WAIT_MS = 50;
const ENDING = '.jsonl';

/**
 * The runs of one part of a study on disk: a file each, `PART/RUN.jsonl`, with one line of JSON. Large parts that are
 * complete are packed into `PART.jsonl.gz`, a run a line; runs added after that have files again until they are packed
 * too. Earlier versions wrote a part as `PART.jsonl`, which is read as well.
 *
 * Processes on several machines may add runs. A file is put in place whole, so that a crash leaves a run or none.
 */
export class PartRuns {
  readonly #path: string;
  /** The runs of files by the file's name. A file never changes until it is removed. */
  readonly #single = new Map<string, RunLine>();
  /** The runs of the packed file and of that of earlier versions, as of their signatures. */
  readonly #lines = new Map<string, { signature: string; runs: readonly RunLine[] }>();

  /** @param path of the part's files, without an ending. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The runs by their names, as they are on disk now.
   *
   * @throws GorpError `run/bad-results`, naming the file or line that cannot be read.
   */
  async runs(): Promise<ReadonlyMap<string, RunLine>> {
    for (;;) {
      // First the files: those that are packed meanwhile are in the packed file, which is read after them.
      const files = (await readdir(this.#path).catch(missing)) ?? [];
      const names = files.filter((name) => name.endsWith(ENDING));
      for (const name of this.#single.keys()) if (!names.includes(name)) this.#single.delete(name);
      const single = await Promise.all(names.map((name) => this.#one(name)));
      if (single.some((line) => line === null)) continue;
      const runs = new Map<string, RunLine>();
      for (const file of [this.#packed, this.#plain]) for (const line of await this.#all(file)) put(runs, line, file);
      for (const [i, line] of single.entries()) if (line) put(runs, line, join(this.#path, names[i]));
      return runs;
    }
  }

  /**
   * Adds a run, unless it is there.
   *
   * @returns whether it was added.
   * @throws GorpError `store/failed`, `run/bad-results`.
   */
  add(line: RunLine): Promise<boolean> {
    const { run } = line;
    if (run === '' || /[/\\]/.test(run)) throw unusableName(run);
    return this.#locked(async () => {
      if ((await this.runs()).has(run)) return false;
      await removeDrafts(this.#path);
      await writeDurably(join(this.#path, `${run}${ENDING}`), lineOf(line));
      return true;
    });
  }

  /** Packs the part if it is large. Only a complete part is worth it. @throws as {@link add}. */
  async pack(): Promise<void> {
    const runs = await this.runs();
    if ((await this.#unpackedFiles()).length === 0) return;
    if ([...runs.values()].reduce((sum, line) => sum + lineOf(line).length, 0) < PACKED_FROM) return;
    await this.#locked(async () => {
      const files = await this.#unpackedFiles();
      const texts = await Promise.all([this.#packed, ...files].map(textOf));
      // Lines stay as they were written, since a study continues only with the commit that began it, which refuses the
      // settings of later ones. A crash after packing leaves lines in both places.
      const lines = new Set(texts.flatMap(linesIn));
      const text = [...lines].map((line) => `${line}\n`).join('');
      await writeDurably(this.#packed, asPieces(gzipSync(text, { level: 9 })));
      for (const file of files) await rm(file);
    });
  }

  get #packed(): string {
    return `${this.#path}.jsonl.gz`;
  }

  get #plain(): string {
    return `${this.#path}.jsonl`;
  }

  /** The files whose runs the packed file may lack. */
  async #unpackedFiles(): Promise<string[]> {
    const files = (await readdir(this.#path).catch(missing)) ?? [];
    const single = files.filter((name) => name.endsWith(ENDING)).map((name) => join(this.#path, name));
    return (await signatureOf(this.#plain)) === '' ? single : [this.#plain, ...single];
  }

  /** The run of one file; null if it has been packed meanwhile. */
  async #one(name: string): Promise<RunLine | null> {
    const known = this.#single.get(name);
    if (known) return known;
    const path = join(this.#path, name);
    const text = await readFile(path, 'utf8').catch(missing);
    if (text === null) return null;
    const line = parseLine(text.trimEnd(), path);
    this.#single.set(name, line);
    return line;
  }

  /** The runs of a file of lines; none if it is not there. */
  async #all(file: string): Promise<readonly RunLine[]> {
    const signature = await signatureOf(file);
    const known = this.#lines.get(file);
    if (known?.signature === signature) return known.runs;
    const runs = parseLines(await textOf(file), file); // a run that a crash of an earlier version cut off is made again
    this.#lines.set(file, { signature, runs });
    return runs;
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    return named(this.#path, async () => {
      await mkdir(dirname(this.#path), { recursive: true });
      const lock = await waitForLock(`${this.#path}.lock`, 'the runs of a study');
      try {
        return await work();
      } finally {
        await lock.release();
      }
    });
  }
}

/** Runs of another folder may have any name. */
const unusableName = (run: string): GorpError =>
  new GorpError(
    'run/bad-results',
    `A run of a study is called ${JSON.stringify(run)}, which is no name for a file.`,
    'Restore the file that it comes from, or delete that line to repeat its run.',
  );

/** A crash after packing leaves runs in both places. */
function put(runs: Map<string, RunLine>, line: RunLine, file: string): void {
  const there = runs.get(line.run);
  if (there === undefined) runs.set(line.run, line);
  else if (lineOf(there) !== lineOf(line)) {
    throw new GorpError(
      'run/bad-results',
      `${file} has the run ${line.run}, of which there are other results already.`,
      'Delete one of the two.',
    );
  }
}

/** Names the state of a file; empty if there is none. */
const signatureOf = (path: string): Promise<string> =>
  stat(path).then(
    ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
    () => '',
  );

/** Null for what is not there. */
function missing(thrown: unknown): null {
  if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw thrown;
}

/** The text of a file of lines, unpacked where it is packed; empty if there is none. */
async function textOf(file: string): Promise<string> {
  const bytes = await readFile(file).catch(missing);
  if (bytes === null) return '';
  if (!file.endsWith('.gz')) return bytes.toString();
  try {
    return gunzipSync(bytes).toString();
  } catch (cause) {
    throw new GorpError(
      'run/bad-results',
      `${file} is damaged: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Restore the file from a copy, or delete it to repeat its runs.',
      { cause },
    );
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
