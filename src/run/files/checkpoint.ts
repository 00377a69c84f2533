import type { Results } from '../results/results.ts';
import type { RunSettings } from '../settings/settings.ts';
import type { ByteFile } from '../../weights/model-files.ts';
import { type OpenFile, openRunState, readManifest, type SavedRun } from './saved-run.ts';

/** Opens the folder of a checkpoint, and checks that it is complete. @throws GorpError `run/bad-checkpoint`. */
export async function openCheckpoint(open: OpenFile): Promise<SavedRun> {
  const saved = await openRunState(open, 'checkpoint');
  await saved.check();
  return saved;
}

/** What the page shows of a checkpoint. */
export interface CheckpointSummary {
  /** The run it belongs to. */
  readonly id: string | undefined;
  readonly startedAt: string;
  /** What it had measured. */
  readonly results: Results;
  readonly settings: RunSettings;
  readonly round: number;
  /** Optimizer steps done in all. */
  readonly step: number;
}

/** Describes a checkpoint from its manifest alone. @throws GorpError `run/bad-checkpoint`. */
export async function summaryOf(file: ByteFile): Promise<CheckpointSummary> {
  const { place, learner, results } = await readManifest(file, 'checkpoint');
  const { id, startedAt, settings } = results;
  return { id, startedAt, results, settings, round: place.round, step: learner.totalSteps };
}
