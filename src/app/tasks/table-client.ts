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
import type { Columns } from '../../tasks/forms.ts';
import type { TablePreview } from '../../tasks/table-preview.ts';
import { connectWorker } from '../worker-client.ts';

/** Reads files of examples and makes tasks from them in a worker. Promises reject with a GorpError. */
export interface TableClient {
  open(file: NamedFile): Promise<OpenedFile>;
  /** Previews the open file with other columns; null guesses them. */
  preview(header: boolean, columns: Columns | null): Promise<TablePreview>;
  /** Makes a task from the open file. */
  make(spec: TaskSpec): Promise<CustomTask[]>;
  /** Makes the tasks that an order describes and this browser does not store. */
  makeOrder(order: OrderFile, kept: TaskSpec[], files: NamedFile[]): Promise<CustomTask[]>;
  /** Frees the open file. */
  close(): void;
}

/** Answers commands one by one, in order. */
export interface TablesWorker {
  readonly ask: (command: TablesCommand) => Promise<TablesAnswer>;
  readonly close: () => void;
}

/** A client whose worker starts with the first command. */
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

/** The worker in the browser. If it stops, pending commands are answered with its failure. */
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
      waiting.length = 0; // nobody awaits these answers any more
      close();
    },
  };
}
