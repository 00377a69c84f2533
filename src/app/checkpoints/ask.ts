import * as v from 'valibot';
import { RunSettingsSchema } from '../../run/settings.ts';
import type { CheckpointsCommand, KeptCheckpoint } from '../../worker/protocol.ts';

/** Asks what this browser keeps of a run in the middle; null where that is nothing, or nothing can be kept. Never fails. */
export type AskForCheckpoints = (command: CheckpointsCommand) => Promise<KeptCheckpoint | null>;

const AnswerSchema = v.strictObject({
  type: v.literal('found'),
  checkpoint: v.nullable(
    v.strictObject({
      folder: v.string(),
      savedAt: v.number(),
      bytes: v.number(),
      id: v.optional(v.string()),
      settings: RunSettingsSchema,
      round: v.number(),
      step: v.number(),
    }),
  ),
});

/** Asks a worker that lives for this one question. */
export const askCheckpointsWorker: AskForCheckpoints = (command) =>
  new Promise((resolve) => {
    const worker = new Worker(new URL('../../worker/checkpoints.ts', import.meta.url), {
      type: 'module',
      name: 'checkpoints',
    });
    const end = (checkpoint: KeptCheckpoint | null): void => {
      worker.terminate();
      resolve(checkpoint);
    };
    // A browser that keeps nothing has nothing to go on with, and a page without it is as good as ever.
    worker.onmessage = ({ data }: MessageEvent<unknown>) => {
      const parsed = v.safeParse(AnswerSchema, data);
      end(parsed.success ? (parsed.output.checkpoint as KeptCheckpoint | null) : null);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end(null);
    };
    worker.postMessage(command);
  });
