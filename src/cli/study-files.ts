import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import type { Results } from '../run/results.ts';
import type { RunSettings } from '../run/settings.ts';
import { writeText } from './round-folder.ts';
import { readResults, RunFile } from './run-file.ts';
import type { GoingOn } from './study-checkpoints.ts';
import { studyTable } from './study-table.ts';

/** The runs of a study on disk: one `OUT/runs/METHOD-seedS.json` each, plus `results.json` and `table.md` for all. */
export class StudyFiles {
  readonly #out: string;

  constructor(out: string) {
    this.#out = out;
  }

  #file({ method, training }: RunSettings): RunFile {
    return new RunFile(join(this.#out, 'runs', `${method.name}-seed${training.seed}.json`));
  }

  /** As {@link RunFile.finished}. */
  finished(settings: RunSettings): Promise<Results | null> {
    return this.#file(settings).finished(settings);
  }

  keep(results: Results): Promise<void> {
    return this.#file(results.settings).keep(results);
  }

  /**
   * Adds a run from another folder.
   *
   * @returns whether it was added; false if a run with the same settings exists.
   * @throws GorpError `run/other-study` when one of the same method and seed has other settings.
   */
  async take(results: Results): Promise<boolean> {
    const there = await this.finished(results.settings);
    if (there !== null) return there.id === results.id && there.startedAt === results.startedAt;
    await this.keep(results);
    return true;
  }

  /** As {@link RunFile.goingOn}. */
  goingOn(settings: RunSettings, warn: (message: string) => void): Promise<GoingOn> {
    return this.#file(settings).goingOn(settings, warn);
  }

  /** As {@link RunFile.claim}. */
  claim(settings: RunSettings): Promise<(() => Promise<void>) | null> {
    return this.#file(settings).claim(settings.method.name);
  }

  /** Writes `results.json` and `table.md` of the existing runs. @returns the table, and files that were left out. */
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
 * @throws GorpError `run/unreadable-file` if there is no such folder.
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
