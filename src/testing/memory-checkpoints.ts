import type { RunHost } from '../run/events/host.ts';
import { openCheckpoint, type SavedRun } from '../run/files/saved-run.ts';
import { bytesOfFile, memoryFile } from './output-files.ts';

type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** Holds the last two checkpoints in memory, as if on disk. Does not read again what has not changed. */
export function memoryCheckpoints(everySeconds = Infinity) {
  let stored: Files[] = [];
  const unchanged = new Set<string>();
  const open = (files: Files): Promise<SavedRun> =>
    openCheckpoint((path) => {
      const bytes = files.get(path);
      return Promise.resolve(bytes ? memoryFile(path, bytes) : null);
    });
  const last = (): Promise<SavedRun | null> => {
    const files = stored.at(-1);
    return files ? open(files) : Promise.resolve(null);
  };
  return {
    get count(): number {
      return stored.length;
    },
    /** Paths of files that a checkpoint within a task took from an earlier one. */
    unchanged,
    /** The parts of a host that the next run of the same settings needs. */
    parts: (): Partial<RunHost> => ({
      checkpoints: {
        everySeconds,
        save: async (outputs) => {
          const files: Files = new Map();
          const taken: string[] = [];
          for (const file of outputs) {
            const same = file.isUnchanged === true ? stored.at(-2)?.get(file.path) : undefined;
            if (same) taken.push(file.path);
            files.set(file.path, same ?? (await bytesOfFile(file)));
          }
          stored = [...stored, files].slice(-2);
          if ((await open(files)).learner.progress.training) for (const path of taken) unchanged.add(path);
        },
        last,
      },
      ...(stored.length > 0 && { savedCheckpoint: async () => (await last()) as SavedRun }),
    }),
  };
}
