import { openCheckpoint } from '../run/checkpoint/checkpoint.ts';
import type { SavedRun } from '../run/checkpoint/saved-run.ts';
import type { RunHost } from '../run/host.ts';
import { bytesOfFile, memoryFile } from './output-files.ts';

type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** Holds the last two checkpoints in memory, as if on disk. */
export function memoryCheckpoints(everySeconds = Infinity) {
  let kept: Files[] = [];
  const open = (files: Files): Promise<SavedRun> =>
    openCheckpoint((path) => {
      const bytes = files.get(path);
      return Promise.resolve(bytes ? memoryFile(path, bytes) : null);
    });
  const last = (): Promise<SavedRun | null> => {
    const files = kept.at(-1);
    return files ? open(files) : Promise.resolve(null);
  };
  return {
    get count(): number {
      return kept.length;
    },
    /** The parts of a host that the next run of the same settings needs. */
    parts: (): Partial<RunHost> => ({
      checkpoints: {
        everySeconds,
        keep: async (outputs) => {
          const files: Files = new Map();
          for (const file of outputs) files.set(file.path, await bytesOfFile(file));
          kept = [...kept, files].slice(-2);
        },
        last,
      },
      ...(kept.length > 0 && { savedCheckpoint: async () => (await last()) as SavedRun }),
    }),
  };
}
