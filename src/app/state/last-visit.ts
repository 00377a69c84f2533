import * as v from 'valibot';
import { ModelSummarySchema } from '../../run/files/model-line.ts';
import { RunSettingsSchema } from '../../run/settings/settings.ts';
import type { StoredCheckpoint } from '../../worker/protocol.ts';
import { type RunSummary, runKey } from './history.ts';
import type { Form } from './set-up-form.ts';
import { jsonOf, readItem, writeItem } from './stored-items.ts';

/** The state that a tab was left in: the form, and the run that it showed. A new tab begins as the last one was. */
export interface LastVisit {
  /** The form, with the model that it teaches; null if there is none, or of a version that this one cannot read. */
  readonly form: () => Form | null;
  /** Remembers a form. One that could not be read again, with an empty number, is not remembered. */
  readonly saveForm: (form: Form) => void;
  /** The key of the run that was shown; null if that run had not ended. */
  readonly shown: () => string | null;
  readonly saveShown: (key: string | null) => void;
}

const DRAFT = 'gorp-web-draft';
const TEACHES = 'gorp-web-teaches';
const SHOWN = 'gorp-web-shown-run';

const TeachesSchema = v.nullable(v.strictObject({ key: v.string(), model: ModelSummarySchema }));

/** The run to show first: an ended run by its key, or the run whose checkpoint is stored; null for nothing. */
type First = { key: string } | { checkpoint: StoredCheckpoint } | null;

/**
 * The run to show when the page opens: the one that was shown; else the newest, also if it was cut off by a crash or a
 * closed tab, which only its checkpoint records.
 */
export function firstShown(
  shown: string | null,
  history: readonly RunSummary[],
  unfinished: readonly StoredCheckpoint[],
): First {
  if (shown !== null && history.some((run) => runKey(run) === shown)) return { key: shown };
  const newest = history.find(({ file }) => file === undefined);
  const checkpoint = unfinished.find((one) => !history.some(({ id, file }) => file === undefined && id === one.id));
  if (checkpoint !== undefined && checkpoint.startedAt > (newest?.startedAt ?? '')) return { checkpoint };
  return newest === undefined ? null : { key: runKey(newest) };
}

/** In the storage of this tab, which survives a reload, and in that of the browser, for the next tab. */
export const browserLastVisit: LastVisit = {
  form: () => {
    const [draft, teaches] = [parsed(RunSettingsSchema, DRAFT), parsed(TeachesSchema, TEACHES)];
    // Without the model that it teaches, a form would train the base model on its tasks alone.
    return draft === undefined || teaches === undefined ? null : { draft, teaches };
  },
  saveForm: ({ draft, teaches }) => {
    if (!v.is(RunSettingsSchema, draft)) return;
    write(DRAFT, JSON.stringify(draft));
    write(TEACHES, JSON.stringify(teaches));
  },
  shown: () => read(SHOWN) || null,
  saveShown: (key) => write(SHOWN, key ?? ''),
};

/** The value stored under a key; undefined if it cannot be read. */
function parsed<const Schema extends v.GenericSchema>(schema: Schema, key: string): v.InferOutput<Schema> | undefined {
  const found = v.safeParse(schema, jsonOf(read(key)));
  return found.success ? found.output : undefined;
}

const read = (key: string): string | null => readItem(key, 'sessionStorage') ?? readItem(key);

function write(key: string, text: string): void {
  writeItem(key, text, 'sessionStorage');
  writeItem(key, text);
}
