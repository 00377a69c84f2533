import { rm } from 'node:fs/promises';
import { GorpError } from '../../src/base/errors.ts';
import { difference } from '../../src/run/files/fitting.ts';
import type { RunHost } from '../../src/run/events/host.ts';
import type { RunSettings } from '../../src/run/settings/settings.ts';
import { CheckpointFolder } from '../../src/cli/checkpoint-folder.ts';
import { removeDrafts } from '../../src/cli/durable-write.ts';

/** Seconds between two checkpoints of a run of a study, at least. */
const EVERY = 120;

/** Lets a run of a study resume where it was interrupted. */
export interface GoingOn {
  readonly host: Pick<RunHost, 'checkpoints' | 'savedCheckpoint'>;
  /** Removes the checkpoints: the run is finished. */
  readonly clear: () => Promise<void>;
}

/**
 * Saves the checkpoints of a run of a study in a folder of its own, and resumes from the last one with the same
 * settings. The run must not be in progress in another process.
 *
 * @param folder of the run while it is unfinished.
 * @param warn reports checkpoints that cannot be used.
 * @throws GorpError `run/other-study` for a checkpoint of other settings: it is work that only a person may discard.
 */
export async function goingOn(
  folder: string,
  settings: RunSettings,
  warn: (message: string) => void,
): Promise<GoingOn> {
  const checkpoints = new CheckpointFolder(folder, EVERY, warn);
  const clear = (): Promise<void> => rm(folder, { recursive: true, force: true });
  await removeDrafts(folder);
  const last = await checkpoints.last();
  if (last === null) {
    if (!(await checkpoints.isEmpty())) warn('No checkpoint of this run can be used: it begins again.');
    return { host: { checkpoints }, clear };
  }
  const path = difference(last.results.settings, settings);
  if (path === null) return { host: { checkpoints, savedCheckpoint: () => Promise.resolve(last) }, clear };
  throw new GorpError(
    'run/other-study',
    `${folder} has a checkpoint of a run with another value of ${path}.`,
    'Resume that run with its own settings, or delete the folder to begin again.',
  );
}
