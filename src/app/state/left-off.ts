import * as v from 'valibot';
import { type RunSettings, RunSettingsSchema } from '../../run/settings/settings.ts';
import type { StoredCheckpoint } from '../../worker/protocol.ts';
import { type RunSummary, runKey } from './history.ts';

/** What a tab was left with: the form, and the run that it showed. A new tab begins as the last one was. */
export interface LeftOff {
  /** The form's settings; null if there are none, or of a version that this one cannot read. */
  readonly draft: () => RunSettings | null;
  /** Remembers a form. One that could not be read again, with an empty number, is not remembered. */
  readonly saveDraft: (draft: RunSettings) => void;
  /** The key of the run that was shown; null if that run had not ended. */
  readonly shown: () => string | null;
  readonly saveShown: (key: string | null) => void;
}

const DRAFT = 'gorp-web-draft';
const SHOWN = 'gorp-web-shown-run';

/** What to show first: an ended run by its key, or the run whose checkpoint is stored; null for nothing. */
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
export const browserLeftOff: LeftOff = {
  draft: () => {
    try {
      const parsed = v.safeParse(RunSettingsSchema, JSON.parse(read(DRAFT) ?? 'null'));
      return parsed.success ? parsed.output : null;
    } catch {
      return null; // not JSON
    }
  },
  saveDraft: (draft) => {
    if (v.is(RunSettingsSchema, draft)) write(DRAFT, JSON.stringify(draft));
  },
  shown: () => read(SHOWN) || null,
  saveShown: (key) => write(SHOWN, key ?? ''),
};

function read(key: string): string | null {
  try {
    return sessionStorage.getItem(key) ?? localStorage.getItem(key);
  } catch {
    return null; // storage is blocked
  }
}

function write(key: string, text: string): void {
  try {
    sessionStorage.setItem(key, text);
    localStorage.setItem(key, text);
  } catch {
    // Then it lasts as long as the page.
  }
}
