import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import type { ModelsEvent } from '../../worker/protocol.ts';
import { ErrorReportSchema } from '../session-events.ts';

const bytes = v.pipe(v.number(), v.minValue(0));

const EventSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('stored'),
    models: v.array(v.strictObject({ folder: v.string(), reference: v.string(), bytes, isComplete: v.boolean() })),
    usageBytes: v.nullable(bytes),
    quotaBytes: v.nullable(bytes),
  }),
  v.strictObject({
    type: v.literal('fetching'),
    model: v.string(),
    progress: v.strictObject({
      file: v.string(),
      bytes,
      totalBytes: v.nullable(bytes),
      source: v.picklist(['network', 'cache']),
      bytesPerSecond: v.nullable(v.number()),
    }),
  }),
  v.strictObject({ type: v.literal('fetched'), model: v.string() }),
  v.strictObject({ type: v.literal('broken-off'), model: v.string() }),
  v.strictObject({
    type: v.literal('verifying'),
    folder: v.string(),
    progress: v.strictObject({ bytes, totalBytes: bytes }),
  }),
  v.strictObject({
    type: v.literal('verified'),
    folder: v.string(),
    verdict: v.strictObject({ mended: v.array(v.string()), removed: v.array(v.string()) }),
  }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);

/** A message of the models worker as an event. @throws GorpError `worker/bad-event` when it is none. */
export function parseModelsEvent(data: unknown): ModelsEvent {
  const parsed = v.safeParse(EventSchema, data);
  if (parsed.success) return parsed.output;
  throw new GorpError(
    'worker/bad-event',
    `The models worker sent something the page does not understand (${v.getDotPath(parsed.issues[0]) ?? '(root)'}).`,
    'Reload the page, so that page and worker are of the same version.',
    { cause: parsed.issues },
  );
}
