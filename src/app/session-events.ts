import * as v from 'valibot';
import { type ErrorCode, GorpError } from '../base/errors.ts';
import { WorkSchema } from '../run/duration.ts';
import { MemoryPlanSchema } from '../run/memory-plan.ts';
import {
  DeviceReportSchema,
  LayerHealthSchema,
  ModelReportSchema,
  ResultsSchema,
  TaskReportSchema,
  TensorSpaceSchema,
  TestTimeSchema,
} from '../run/results.ts';
import type { WorkerEvent } from '../worker/protocol.ts';

const isErrorCode = (text: string): text is ErrorCode => /^[a-z]+\/[a-z0-9-]+$/.test(text);
export const ErrorReportSchema = v.strictObject({
  code: v.custom<ErrorCode>((input) => typeof input === 'string' && isErrorCode(input)),
  message: v.string(),
  nextStep: v.string(),
});
const results = { results: ResultsSchema };

/** Losses come in thousands: that they are arrays is looked at, their elements are not. */
const numbers = v.custom<number[]>(Array.isArray);

const EventSchema = v.variant('type', [
  v.strictObject({ type: v.literal('device'), device: DeviceReportSchema }),
  v.strictObject({
    type: v.literal('plan'),
    tasks: v.array(TaskReportSchema),
    stepsPerRound: v.array(v.number()),
    model: ModelReportSchema,
  }),
  v.strictObject({
    type: v.literal('progress'),
    phase: v.picklist(['device', 'weights', 'tasks', 'compile', 'evaluate', 'train', 'space', 'save', 'checkpoint']),
    round: v.number(),
    item: v.string(),
    done: v.number(),
    total: v.number(),
    unit: v.picklist(['bytes', 'steps', 'examples', 'items']),
    source: v.exactOptional(v.picklist(['network', 'cache'])),
    bytesPerSecond: v.exactOptional(v.number()),
    secondsLeft: v.nullable(v.number()),
  }),
  v.strictObject({
    type: v.literal('steps'),
    round: v.number(),
    steps: numbers,
    losses: numbers,
    gradientNorms: numbers,
    tokensPerSecond: v.number(),
    layers: v.array(LayerHealthSchema),
  }),
  v.strictObject({
    type: v.literal('evaluation'),
    round: v.number(),
    task: v.number(),
    exact: v.number(),
    ranked: v.number(),
    examples: v.number(),
    time: v.nullable(TestTimeSchema),
  }),
  v.strictObject({ type: v.literal('space'), round: v.number(), tensors: v.array(TensorSpaceSchema) }),
  v.strictObject({
    type: v.literal('reading'),
    task: v.string(),
    tokens: v.array(v.strictObject({ text: v.string(), isLabel: v.boolean() })),
  }),
  v.strictObject({ type: v.literal('memory-plan'), plan: MemoryPlanSchema, work: WorkSchema }),
  v.strictObject({
    type: v.literal('memory'),
    liveBytes: v.number(),
    peakBytes: v.number(),
    liveBuffers: v.number(),
  }),
  v.strictObject({ type: v.literal('warning'), message: v.string() }),
  v.strictObject({ type: v.literal('recovering'), error: ErrorReportSchema, step: v.number() }),
  v.strictObject({ type: v.literal('paused') }),
  v.strictObject({ type: v.literal('resumed') }),
  v.strictObject({ type: v.literal('finished'), ...results }),
  v.strictObject({ type: v.literal('stopped'), ...results }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema, results: v.nullable(ResultsSchema) }),
]);

/**
 * A message of the worker as an event.
 *
 * @throws GorpError `worker/bad-event`, naming the field, when it is none: page and worker are of different versions.
 */
export function parseEvent(data: unknown): WorkerEvent {
  const parsed = v.safeParse(EventSchema, data);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw badEvent(`${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`, parsed.issues);
  }
  const event = parsed.output;
  if (
    event.type === 'steps' &&
    (event.losses.length !== event.steps.length || event.gradientNorms.length !== event.steps.length)
  ) {
    throw badEvent('steps, losses and gradientNorms differ in length', event);
  }
  return event;
}

const badEvent = (what: string, cause: unknown): GorpError =>
  new GorpError(
    'worker/bad-event',
    `The training worker sent something the page does not understand (${what}).`,
    'Reload the page, so that page and worker are of the same version, and start again.',
    { cause },
  );
