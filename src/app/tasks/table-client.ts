import * as v from 'valibot';
import { GorpError, reportOf } from '../../base/errors.ts';
import type { OrderFile } from '../../run/order-file.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import type { ChosenColumns, TablePreview } from '../../tasks/preview.ts';
import type { NamedFile, OpenedFile, TablesCommand } from '../../worker/protocol.ts';
import { ErrorReportSchema } from '../session-events.ts';
import { type CustomTask, CustomTaskSchema } from './task-store.ts';

/** Reads files of examples, and makes tasks of them, outside of the page. Promises reject with a GorpError. */
export interface TableClient {
  open(file: NamedFile): Promise<OpenedFile>;
  /** The open file with other columns; null: those that are likely to be meant. */
  preview(header: boolean, columns: ChosenColumns | null): Promise<TablePreview>;
  /** A task of the open file. */
  make(spec: TaskSpec): Promise<CustomTask[]>;
  /** The tasks that an order describes and that are not kept. */
  makeOrder(order: OrderFile, kept: TaskSpec[], files: NamedFile[]): Promise<CustomTask[]>;
  /** Frees what the open file takes. */
  close(): void;
}

/** Answers commands one by one, in their order. */
export interface TablesWorker {
  ask(command: TablesCommand): Promise<unknown>;
  close(): void;
}

const PreviewSchema = v.strictObject({
  columns: v.array(v.string()),
  rows: v.array(v.array(v.string())),
  textColumn: v.string(),
  labelColumn: v.string(),
  found: v.nullable(
    v.strictObject({ examples: v.number(), labels: v.array(v.strictObject({ label: v.string(), rows: v.number() })) }),
  ),
  problem: v.nullable(ErrorReportSchema),
  warnings: v.array(v.string()),
});
const OpenedSchema = v.strictObject({
  type: v.literal('opened'),
  file: v.strictObject({ name: v.string(), sha256: v.string(), namesColumns: v.boolean(), preview: PreviewSchema }),
});
const PreviewedSchema = v.strictObject({ type: v.literal('previewed'), preview: PreviewSchema });
const MadeSchema = v.strictObject({ type: v.literal('made'), tasks: v.array(CustomTaskSchema) });
const FailedSchema = v.strictObject({ type: v.literal('failed'), error: ErrorReportSchema });

/** A client of a worker that is opened when something is first asked of it. */
export function createTableClient(openWorker: () => TablesWorker): TableClient {
  let worker: TablesWorker | null = null;
  const ask = async <Schema extends v.GenericSchema>(
    schema: Schema,
    command: TablesCommand,
  ): Promise<v.InferOutput<Schema>> => {
    const answer = await (worker ??= openWorker()).ask(command);
    const failed = v.safeParse(FailedSchema, answer);
    if (failed.success) {
      const { code, message, nextStep } = failed.output.error;
      throw new GorpError(code, message, nextStep);
    }
    const parsed = v.safeParse(schema, answer);
    if (parsed.success) return parsed.output;
    throw new GorpError(
      'worker/bad-event',
      `The worker that reads files sent something the page does not understand (${v.getDotPath(parsed.issues[0]) ?? '(root)'}).`,
      'Reload the page, so that page and worker are of the same version.',
      { cause: parsed.issues },
    );
  };
  return {
    open: async (file) => (await ask(OpenedSchema, { type: 'open', file })).file,
    preview: async (header, columns) => (await ask(PreviewedSchema, { type: 'preview', header, columns })).preview,
    make: async (spec) => (await ask(MadeSchema, { type: 'make', spec })).tasks,
    makeOrder: async (order, kept, files) => (await ask(MadeSchema, { type: 'make-order', order, kept, files })).tasks,
    close: () => {
      worker?.close();
      worker = null;
    },
  };
}

/** The worker in the browser. What is asked of it when it stops is answered with its failure. */
export function openTablesWorker(): TablesWorker {
  const worker = new Worker(new URL('../../worker/tables.ts', import.meta.url), { type: 'module', name: 'tables' });
  const waiting: ((answer: unknown) => void)[] = [];
  worker.onmessage = ({ data }: MessageEvent<unknown>) => waiting.shift()?.(data);
  worker.onerror = (event) => {
    event.preventDefault();
    const error = reportOf(
      new GorpError(
        'worker/crashed',
        `The worker that reads files stopped: ${event.message || 'it could not be loaded'}.`,
        'Reload the page, and take a smaller file if it happens again.',
      ),
    );
    for (const answer of waiting.splice(0)) answer({ type: 'failed', error });
  };
  return {
    ask: (command) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        worker.postMessage(command);
      }),
    close: () => worker.terminate(),
  };
}
