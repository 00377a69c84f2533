import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GorpError } from '../base/errors.ts';
import type { CheckpointStore } from '../run/events/host.ts';
import { type CheckpointFile, openCheckpoint, type SavedRun } from '../run/files/saved-run.ts';
import { flushFolder, writeFolderDurably } from './durable-write.ts';
import { named, opensIn, writeFiles } from './round-folder.ts';

/** The folder of a run's checkpoints in its `--out`: one folder per checkpoint, numbered in order. */
export const CHECKPOINTS = 'checkpoints';
const KEPT = 2;
const NUMBER = /^\d{6}$/;

/** A checkpoint and its path. */
interface FoundCheckpoint {
  readonly path: string;
  readonly checkpoint: SavedRun;
}

/**
 * Saves checkpoints on disk: writes one aside, moves it into place as a whole, then removes all but the last two. What has
 * not changed is a hard link to the file of the one before the last, which then goes: each folder is complete by itself,
 * and the two share no file, so that damage to one leaves the other.
 */
export class CheckpointFolder implements CheckpointStore {
  readonly everySeconds: number;
  readonly #folder: string;
  readonly #warn: (message: string) => void;
  /** The last two that this process wrote, the last one last. */
  #written: readonly (string | undefined)[] = [];

  /** @param warn reports checkpoints that cannot be used. */
  constructor(out: string, everySeconds: number, warn: (message: string) => void) {
    this.everySeconds = everySeconds;
    this.#warn = warn;
    this.#folder = join(out, CHECKPOINTS);
  }

  /** @throws GorpError `store/failed`. */
  async save(files: readonly CheckpointFile[]): Promise<void> {
    const before = await this.#numbers();
    const path = this.#pathOf((before.at(-1) ?? 0) + 1);
    await named(path, () =>
      writeFolderDurably(path, async (draft) => {
        for (const file of files) {
          if (file.isUnchanged !== true || !(await this.#linked(file.path, draft))) await writeFiles(draft, [file]);
        }
      }),
    );
    this.#written = [this.#written[1], path];
    for (const old of before.slice(0, 1 - KEPT)) await rm(this.#pathOf(old), { recursive: true, force: true });
  }

  /** Gives a file of the checkpoint before the last a second name in a folder. @returns false if that is not possible. */
  async #linked(name: string, folder: string): Promise<boolean> {
    const [before] = this.#written;
    if (before === undefined) return false;
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    try {
      await link(join(before, name), target);
    } catch {
      return false; // some file systems have no links, and a person may have removed the checkpoint
    }
    await flushFolder(dirname(target));
    return true;
  }

  async last(): Promise<SavedRun | null> {
    return (await this.find())?.checkpoint ?? null;
  }

  /** The last usable checkpoint and its path. */
  async find(): Promise<FoundCheckpoint | null> {
    for (const number of (await this.#numbers()).reverse()) {
      const path = this.#pathOf(number);
      try {
        return { path, checkpoint: await openCheckpoint(opensIn(path)) };
      } catch (thrown) {
        if (!(thrown instanceof GorpError)) throw thrown;
        this.#warn(`Skipped ${path}. ${thrown.message}`);
      }
    }
    return null;
  }

  /** Whether there are none, not even ones that cannot be used. */
  async isEmpty(): Promise<boolean> {
    return (await this.#numbers()).length === 0;
  }

  /** Removes all checkpoints: the run has ended. */
  clear(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }

  async #numbers(): Promise<number[]> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    return names
      .filter((name) => NUMBER.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  #pathOf(number: number): string {
    return join(this.#folder, String(number).padStart(6, '0'));
  }
}
