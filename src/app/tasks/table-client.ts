import { errorOf, GorpError } from '../../base/errors.ts';
import type { OrderFile } from '../../run/order-file.ts';
import {
  type CustomTask,
  type NamedFile,
  type OpenedFile,
  type TablesAnswer,
  TablesAnswerSchema,
  type TablesCommand,
} from '../../run/table-messages.ts';
import type { TaskSpec } from '../../tasks/custom-task.ts';
import type { ChosenColumns, TablePreview } from '../../tasks/table-preview.ts';
import { connectWorker } from '../worker-client.ts';

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
  readonly ask: (command: TablesCommand) => Promise<TablesAnswer>;
  readonly close: () => void;
}

/** A client of a worker that is opened when something is first asked of it. */
export function createTableClient({ ask: askWorker, close }: TablesWorker): TableClient {
  const ask = async <Type extends TablesAnswer['type']>(
    type: Type,
    command: TablesCommand,
  ): Promise<Extract<TablesAnswer, { type: Type }>> => {
    const answer = await askWorker(command);
    if (answer.type === 'failed') throw errorOf(answer.error);
    if (isOf(answer, type)) return answer;
    throw new GorpError(
      'worker/bad-event',
      `The worker that reads files answered ${answer.type} instead of ${type}.`,
      NEXT_STEP,
    );
  };
  return {
    open: async (file) => (await ask('opened', { type: 'open', file })).file,
    preview: async (header, columns) => (await ask('previewed', { type: 'preview', header, columns })).preview,
    make: async (spec) => (await ask('made', { type: 'make', spec })).tasks,
    makeOrder: async (order, kept, files) => (await ask('made', { type: 'make-order', order, kept, files })).tasks,
    close,
  };
}

const isOf = <Type extends TablesAnswer['type']>(
  answer: TablesAnswer,
  type: Type,
): answer is Extract<TablesAnswer, { type: Type }> => answer.type === type;

const NEXT_STEP = 'Reload the page. If it happens again, use a smaller file.';

/** The worker in the browser. What is asked of it when it stops is answered with its failure. */
export function openTablesWorker(): TablesWorker {
  const waiting: ((answer: TablesAnswer) => void)[] = [];
  const { send, close } = connectWorker<TablesCommand, TablesAnswer>(
    () => new Worker(new URL('../../worker/tables.ts', import.meta.url), { type: 'module', name: 'tables' }),
    TablesAnswerSchema,
    {
      name: 'The worker that reads files',
      nextStep: NEXT_STEP,
      onMessage: (answer) => waiting.shift()?.(answer),
      onFault: (error) => {
        for (const answer of waiting.splice(0)) answer({ type: 'failed', error });
      },
    },
  );
  return {
    ask: (command) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        send(command);
      }),
    close: () => {
      waiting.length = 0; // nobody hears their answers any more
      close();
    },
  };
}
