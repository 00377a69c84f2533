import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { GorpError } from '../base/errors.ts';
import type { RunEvent } from '../run/events/events.ts';
import type { Results } from '../run/results/results.ts';
import {
  csvRow,
  EVENT_FILES,
  eventFileHead,
  eventFileName,
  eventOf,
  LOG_FILE,
  logColumns,
  RunLog,
  TABLE_FILES,
  tableFiles,
} from '../run/results/run-log.ts';
import { csvLine } from '../base/visible.ts';
import { named, writeFiles } from './round-folder.ts';

/**
 * Writes what a run measures into a folder while it goes on: an event file of TensorBoard and a wide CSV, to which it
 * appends, and at the end the tables. A resumed run writes the same files again from its beginning.
 */
export class LogFolder {
  readonly #folder: string;
  #results: Results | null = null;
  #log = new RunLog();
  #columns: string[] = [];
  #files: { readonly events: WriteStream; readonly csv: WriteStream } | null = null;
  #failure: Error | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Opens a folder for the log of a run.
   *
   * @param resumed results of the run that goes on; null for a new run.
   * @throws GorpError `run/log-is-taken` if it has files of another run or program, `store/failed`.
   */
  static async open(folder: string, resumed: Results | null): Promise<LogFolder> {
    const there = await named(folder, async () => {
      await mkdir(folder, { recursive: true });
      return readdir(folder);
    });
    const own = resumed === null ? null : eventFileName(resumed);
    const replaced = own !== null && there.includes(own) ? [] : [LOG_FILE, ...TABLE_FILES];
    const other = there.find((file) => (file.startsWith(EVENT_FILES) && file !== own) || replaced.includes(file));
    if (other !== undefined) {
      throw new GorpError(
        'run/log-is-taken',
        `${folder} has ${other}, which is not of this run.`,
        'Name a folder of its own with --log. TensorBoard shows the runs of all folders below the one it is given.',
      );
    }
    return new LogFolder(folder);
  }

  /** Appends what an event measured. @param results those after the event. */
  add(event: RunEvent, results: Results | null): void {
    this.#results = results;
    if (results === null) return;
    if (event.type === 'begin') this.#begin(results);
    const records = this.#log.next(results);
    for (const record of records) {
      this.#files?.events.write(eventOf(record));
      this.#files?.csv.write(csvRow(this.#columns, record));
    }
  }

  /** Starts the files with all that is known: a device that was lost may have taken steps back. */
  #begin(results: Results): void {
    this.#close();
    this.#log = new RunLog();
    this.#columns = logColumns(results);
    const open = (name: string): WriteStream =>
      createWriteStream(join(this.#folder, name)).on('error', (error) => (this.#failure ??= error));
    this.#files = { events: open(eventFileName(results)), csv: open(LOG_FILE) };
    this.#files.events.write(eventFileHead(results));
    this.#files.csv.write(csvLine(this.#columns));
  }

  #close(): WriteStream[] {
    const open = this.#files === null ? [] : Object.values(this.#files);
    this.#files = null;
    for (const file of open) file.end();
    return open;
  }

  /** Completes the files. @throws GorpError `store/failed` if something could not be written. */
  async finish(): Promise<void> {
    try {
      for (const file of this.#close()) await finished(file);
      if (this.#failure !== null) throw this.#failure;
    } catch (thrown) {
      throw new GorpError(
        'store/failed',
        `The log in ${this.#folder} is not complete: ${String(thrown)}.`,
        'Make room or name another folder. The results of the run have all of it.',
      );
    }
    if (this.#results !== null) await writeFiles(this.#folder, tableFiles(this.#results));
  }
}
