import * as v from 'valibot';
import { markdownText } from '../base/markdown.ts';
import { type ErrorReport, ErrorReportSchema } from '../base/errors.ts';

/** How a part of the benchmark ended. */
export const OutcomeSchema = v.variant('status', [
  v.strictObject({
    name: v.string(),
    status: v.literal('measured'),
    seconds: v.number(),
    numbers: v.unknown(),
    /** The most telling numbers in one line. */
    headline: v.string(),
    /** All that matters, in Markdown. */
    text: v.string(),
  }),
  v.strictObject({ name: v.string(), status: v.literal('failed'), reason: v.string(), error: ErrorReportSchema }),
  v.strictObject({ name: v.string(), status: v.literal('not run'), reason: v.string() }),
]);
export type Outcome = v.InferOutput<typeof OutcomeSchema>;

/**
 * The head of a report: what was measured, when and by what code. It says nothing about the person: only adapter and
 * browser.
 */
const BenchHeadSchema = v.strictObject({
  /** ISO 8601, UTC. */
  date: v.string(),
  code: v.strictObject({ version: v.string(), commit: v.string() }),
  /** Browser, or Node with the system. */
  platform: v.string(),
  adapter: v.strictObject({
    kind: v.picklist(['webgpu', 'wasm']),
    vendor: v.string(),
    architecture: v.string(),
    description: v.string(),
    software: v.boolean(),
    features: v.array(v.string()),
    limits: v.record(v.string(), v.number()),
  }),
});
export type BenchHead = v.InferOutput<typeof BenchHeadSchema>;

/** A benchmark's results, of the bundle and of the page alike. */
export const BenchReportSchema = v.strictObject({ ...BenchHeadSchema.entries, parts: v.array(OutcomeSchema) });
export type BenchReport = v.InferOutput<typeof BenchReportSchema>;

/** The name of the measured device. */
export const measuredName = ({ vendor, architecture, description }: BenchHead['adapter']): string =>
  description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed';

/** The results as a JSON file. */
export const reportJson = (report: BenchReport): string => `${JSON.stringify(report, null, 2)}\n`;

/** The heading of the results in Markdown. */
export const titleText = ({ adapter, platform, code, date }: BenchHead): string =>
  `# ${markdownText(measuredName(adapter))}\n\n${markdownText(platform)}, gorp-web ${code.version} (${code.commit}), ${date}`;

/** A part in Markdown. */
export function outcomeText(outcome: Outcome): string {
  if (outcome.status !== 'measured') return `## ${outcome.name}: ${outcome.status}\n\n${outcome.reason}`;
  return `## ${outcome.name}\n\n${outcome.headline}\n\n${outcome.text}`;
}

/** The results in Markdown. */
export const reportText = (report: BenchReport): string =>
  `${[titleText(report), ...report.parts.map(outcomeText)].join('\n\n')}\n`;

/** A part that failed. */
export const failedPart = (name: string, error: ErrorReport): Outcome => ({
  name,
  status: 'failed',
  reason: error.message,
  error,
});
