import * as v from 'valibot';
import { DEVICE_REASONS } from '../../base/device-choice.ts';
import { GorpError, reportOf } from '../../base/errors.ts';
import { SpeedSchema } from '../../run/duration.ts';
import type { LookAnswer, LookCommand } from '../../worker/protocol.ts';
import { ErrorReportSchema } from '../session-events.ts';

/** Asks what a run would compute on; answers come one after another. Returns what gives the question up. */
export type AskForDevice = (command: LookCommand, onAnswer: (answer: LookAnswer) => void) => () => void;

const OutlookSchema = v.strictObject({
  kind: v.picklist(['webgpu', 'wasm']),
  why: v.picklist(DEVICE_REASONS),
  name: v.string(),
  isSoftwareAdapter: v.boolean(),
  threads: v.nullable(v.number()),
  singleThread: v.nullable(v.picklist(['not-isolated', 'one-core', 'no-worker'])),
  bufferBytes: v.number(),
});

const AnswerSchema = v.variant('type', [
  v.strictObject({ type: v.literal('device'), outlook: OutlookSchema }),
  v.strictObject({ type: v.literal('speed'), speed: SpeedSchema }),
  v.strictObject({ type: v.literal('no-device'), error: ErrorReportSchema }),
]);

/** Asks a training worker, which lives for this one question. */
export const askLookWorker: AskForDevice = (command, onAnswer) => {
  const worker = new Worker(new URL('../../worker/main.ts', import.meta.url), { type: 'module', name: 'look' });
  const end = (): void => {
    worker.onmessage = worker.onerror = null;
    worker.terminate();
  };
  const fail = (why: string): void => {
    end();
    const message = `The worker that looks for the device stopped: ${why}.`;
    const nextStep = 'Reload the page. A run can be started all the same.';
    onAnswer({ type: 'no-device', error: reportOf(new GorpError('worker/crashed', message, nextStep)) });
  };
  worker.onmessage = ({ data }: MessageEvent<unknown>) => {
    const parsed = v.safeParse(AnswerSchema, data);
    if (!parsed.success) {
      fail(`its answer was not understood (${v.getDotPath(parsed.issues[0]) ?? 'root'})`);
      return;
    }
    if (parsed.output.type !== 'device') end();
    onAnswer(parsed.output);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message === '' ? 'it could not be loaded' : event.message);
  };
  worker.postMessage(command);
  return end;
};
