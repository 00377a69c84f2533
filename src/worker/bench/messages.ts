import * as v from 'valibot';
import type { DeviceChoice } from '../../base/device-choice.ts';
import { ErrorReportSchema } from '../../base/error-report.ts';
import { BenchHeadSchema, OutcomeSchema } from '../../bench/report.ts';

// Messages of a training worker that measures the device instead of running.

/** Commands. `abilities` opens no device; `measure` measures the device that a run with this choice would use. */
export type BenchCommand = { type: 'abilities' } | { type: 'measure'; device: DeviceChoice };

/** What this machine offers to the browser. */
const AbilitiesSchema = v.strictObject({
  /** The graphics adapter; null if there is none. */
  adapter: v.nullable(
    v.strictObject({
      ...BenchHeadSchema.entries.adapter.entries,
      /** Storage buffers that a kernel may bind. */
      storageBuffers: v.number(),
      /** Threads per subgroup; null without subgroups. */
      lanes: v.nullable(v.strictObject({ min: v.number(), max: v.number() })),
    }),
  ),
  /** Why there is no adapter; null if there is one. */
  noAdapter: v.nullable(ErrorReportSchema),
  /** What WebAssembly can do; null if it lacks SIMD, so that nothing can be trained on the CPU. */
  cpu: v.nullable(
    v.strictObject({
      /** Fused multiply-add. */
      relaxed: v.boolean(),
      /** Memory that threads share. */
      shared: v.boolean(),
      /** At most so many compute. */
      threads: v.number(),
    }),
  ),
});
export type Abilities = v.InferOutput<typeof AbilitiesSchema>;

/** A part to come. */
const AnnouncedPartSchema = v.strictObject({
  name: v.string(),
  /** Why it will not be run; null if it will. */
  omitted: v.nullable(v.string()),
});
export type AnnouncedPart = v.InferOutput<typeof AnnouncedPartSchema>;

/** Answers. `done` or `failed` is the last to `measure`, after an `ended` for each part. */
export const BenchEventSchema = v.variant('type', [
  v.strictObject({ type: v.literal('abilities'), abilities: AbilitiesSchema }),
  /** The device can be opened. The parts follow in this order, and are cut off after so many seconds. */
  v.strictObject({
    type: v.literal('measuring'),
    head: BenchHeadSchema,
    parts: v.array(AnnouncedPartSchema),
    limitSeconds: v.number(),
  }),
  v.strictObject({ type: v.literal('begun'), name: v.string() }),
  v.strictObject({ type: v.literal('ended'), outcome: OutcomeSchema }),
  v.strictObject({ type: v.literal('done') }),
  v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema }),
]);
export type BenchEvent = v.InferOutput<typeof BenchEventSchema>;
