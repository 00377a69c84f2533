import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { type Results, ResultsSchema } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import { FileLock } from './file-lock.ts';
import { named, writeText } from './round-folder.ts';
import { studyTable } from './study-table.ts';

/** The runs of a study on disk: `OUT/runs/METHOD-seedS.json` each, and `results.json` and `table.md` of them all. */
export class StudyFiles {
  readonly #out: string;

  constructor(out: string) {
    this.#out = out;
  }

  #path({ method, training }: RunSettings): string {
    return join(this.#out, 'runs', `${method.name}-seed${training.seed}.json`);
  }

  /**
   * The results of a run that has been finished before; null where there are none.
   *
   * @throws GorpError `run/other-study` when those that are there have other settings, `run/bad-results`.
   */
  async finished(settings: RunSettings): Promise<Results | null> {
    const path = this.#path(settings);
    if (!existsSync(path)) return null;
    const results = await readResults(path);
    if (JSON.stringify(results.settings) !== JSON.stringify(v.parse(ResultsSchema.entries.settings, settings))) {
      throw new GorpError(
        'run/other-study',
        `${path} is of a run with other settings.`,
        'Name another folder with --out, or delete that file to have its run made again.',
      );
    }
    return results;
  }

  keep(results: Results): Promise<void> {
    return writeText(this.#path(results.settings), JSON.stringify(results));
  }

  /**
   * Takes a run of another folder.
   *
   * @returns whether it is here now: not where another run with the same settings is.
   * @throws GorpError `run/other-study` when one of the same method and seed has other settings.
   */
  async take(results: Results): Promise<boolean> {
    const there = await this.finished(results.settings);
    if (there !== null) return there.id === results.id && there.startedAt === results.startedAt;
    await this.keep(results);
    return true;
  }

  /**
   * Claims a run, so that no other process makes it too.
   *
   * @returns what gives it free again; null where another process is making it.
   */
  async claim(settings: RunSettings): Promise<(() => Promise<void>) | null> {
    const path = `${this.#path(settings)}.lock`;
    const lock = await named(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return FileLock.take(path, settings.method.name);
    });
    return lock && (() => lock.release());
  }

  /** Writes what is there of all runs: `results.json`, `table.md`. @returns the table, and files that were left out. */
  async summarise(): Promise<{ runs: Results[]; table: string; unreadable: GorpError[] }> {
    const { runs, unreadable } = await readRuns(this.#out);
    const table = studyTable(runs);
    await writeText(join(this.#out, 'results.json'), JSON.stringify(runs));
    await writeText(join(this.#out, 'table.md'), table);
    return { runs, table, unreadable };
  }
}

/**
 * The runs in a study's folder, in order of their names, and why others were left out.
 *
 * @throws GorpError `run/unreadable-file` where there is no such folder.
 */
export async function readRuns(out: string): Promise<{ runs: Results[]; unreadable: GorpError[] }> {
  const folder = join(out, 'runs');
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new GorpError('run/unreadable-file', `${out} has no runs of a study.`, 'Name the --out of a study.', {
      cause,
    });
  });
  const [runs, unreadable]: [Results[], GorpError[]] = [[], []];
  const files = names.filter((name) => name.endsWith('.json'));
  for (const name of files.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
    try {
      runs.push(await readResults(join(folder, name)));
    } catch (thrown) {
      if (!(thrown instanceof GorpError)) throw thrown;
      unreadable.push(thrown);
    }
  }
  return { runs, unreadable };
}

async function readResults(path: string): Promise<Results> {
  let problem: string;
  try {
    const parsed = v.safeParse(ResultsSchema, JSON.parse(await readFile(path, 'utf8')));
    if (parsed.success) return parsed.output;
    problem = `${v.getDotPath(parsed.issues[0]) ?? ''} ${parsed.issues[0].message}`;
  } catch (cause) {
    problem = cause instanceof Error ? cause.message : String(cause);
  }
  throw new GorpError(
    'run/bad-results',
    `${path} is no results file: ${problem}.`,
    'Delete it; its run is made again then.',
  );
}
