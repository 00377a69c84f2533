import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { type Results, ResultsSchema } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import { FileLock } from './file-lock.ts';
import { named, writeText } from './round-folder.ts';
import { type GoingOn, goingOn } from './study-checkpoints.ts';

/** The results of one run of a study on disk. */
export class RunFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The results of the run if it has finished; else null.
   *
   * @throws GorpError `run/other-study` when the file has other settings, `run/bad-results`.
   */
  async finished(settings: RunSettings): Promise<Results | null> {
    if (!existsSync(this.#path)) return null;
    const results = await readResults(this.#path);
    if (JSON.stringify(results.settings) !== JSON.stringify(v.parse(ResultsSchema.entries.settings, settings))) {
      throw new GorpError(
        'run/other-study',
        `${this.#path} belongs to a run with other settings.`,
        'Name another folder with --out, or delete that file to repeat its run.',
      );
    }
    return results;
  }

  keep(results: Results): Promise<void> {
    return writeText(this.#path, JSON.stringify(results));
  }

  /** As {@link goingOn}. */
  goingOn(settings: RunSettings, warn: (message: string) => void): Promise<GoingOn> {
    return goingOn(this.#path.replace(/\.json$/, ''), settings, warn);
  }

  /**
   * Claims the run, so that no other process executes it too.
   *
   * @returns a function that releases it; null if another process has claimed it.
   */
  async claim(method: string): Promise<(() => Promise<void>) | null> {
    const path = `${this.#path}.lock`;
    const lock = await named(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return FileLock.take(path, method);
    });
    return lock && (() => lock.release());
  }
}

/** @throws GorpError `run/bad-results`. */
export async function readResults(path: string): Promise<Results> {
  let problem: string;
  try {
    const parsed = v.safeParse(ResultsSchema, JSON.parse(await readFile(path, 'utf8')));
    if (parsed.success) return parsed.output;
    problem = `${v.getDotPath(parsed.issues[0]) ?? ''} ${parsed.issues[0].message}`;
  } catch (cause) {
    problem = cause instanceof Error ? cause.message : String(cause);
  }
  throw new GorpError('run/bad-results', `${path} is not a results file: ${problem}.`, 'Delete it to repeat its run.');
}
