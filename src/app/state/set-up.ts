import * as v from 'valibot';
import { type ErrorReport, GorpError } from '../../base/errors.ts';
import { flatSettings, sourceName } from '../../run/results/likeness.ts';
import { namedTasks, parseSettings, type RunSettings } from '../../run/settings/settings.ts';
import { parseModelReference } from '../../weights/model-reference.ts';
import { commonFields, type Field, moreGroups } from './fields.ts';

const PLAIN_NAMES: Readonly<Record<string, string>> = {
  model: 'Model',
  tasks: 'Tasks from',
  order: 'Order',
  'method.name': 'Method',
};

/** The name of a setting in the form, or of a source ({@link likenessOf}); its path if there is none. */
export function settingName(path: string, { method }: Pick<RunSettings, 'method'>): string {
  const plain = PLAIN_NAMES[path];
  if (plain !== undefined) return plain;
  const source = sourceName(path);
  if (source !== null)
    return source.replace(/^(?:weights|texts|main)/, (word) => word[0].toUpperCase() + word.slice(1));
  const epochs = /^perTask\.(.+)\.epochs$/.exec(path)?.[1];
  if (epochs !== undefined) return `Epochs, ${epochs}`;
  const fields: readonly Field[] = [
    ...commonFields(method.name),
    ...moreGroups(method.name).flatMap((group) => group.fields),
  ];
  return fields.find(({ id }) => id === path)?.label ?? path;
}

const SCHEMA = 'gorp-web/set-up';
const VERSION = 1;
/** The longest text accepted: settings take about a thousand characters, with twenty tasks two thousand. */
const MOST_CHARACTERS = 32_768;
/** The key before a set-up in the hash of an address. */
const KEY = 'set-up';

const HeadSchema = v.object({ schema: v.literal(SCHEMA), version: v.number() });
const BodySchema = v.strictObject({
  schema: v.literal(SCHEMA),
  version: v.literal(VERSION),
  /** null if the model was files on the sharer's disk, which nobody else can name. */
  model: v.nullable(v.string()),
  /** The rest of the settings of a run. */
  settings: v.record(v.string(), v.unknown()),
});

/** Validated settings from a link or a file. */
export interface SetUp {
  settings: RunSettings;
  /** Whether the set-up names no model, so the settings use the page's. */
  lacksModel: boolean;
}

/**
 * Settings as the text of a file, without anything private: a model from disk is not named, and settings never include
 * an access token.
 *
 * @param own names of the user's custom tasks.
 * @throws GorpError `settings/private` if the order has custom tasks, whose names come from file names;
 * `settings/invalid` and `settings/address` for settings that cannot start a run.
 */
export function setUpText(draft: RunSettings, own: readonly string[]): string {
  // This already refuses an address that holds a secret.
  const { model, ...settings } = parseSettings(draft);
  const mine = namedTasks(settings).filter((name) => own.includes(name));
  if (mine.length > 0) {
    throw new GorpError(
      'settings/private',
      `The settings name custom tasks (${mine.join(', ')}): their names may reveal more than you want to share, and nobody else has their texts.`,
      'Leave them out, or save the order as a file, which describes how they are made.',
    );
  }
  const isPicked = parseModelReference(model)?.kind === 'picked';
  return `${JSON.stringify({ schema: SCHEMA, version: VERSION, model: isPicked ? null : model, settings }, null, 1)}\n`;
}

/**
 * Reads what {@link setUpText} wrote.
 *
 * @param name of the source, for messages.
 * @param model the page's model, for a set-up that names none.
 * @throws GorpError `settings/no-set-up` for anything else, `settings/newer-version` for a later version,
 * `settings/invalid` and `settings/address` for invalid settings, naming the setting.
 */
export function parseSetUp(text: string, name: string, model: string): SetUp {
  let json: unknown;
  try {
    if (text.length > MOST_CHARACTERS) throw new Error('it is too long');
    json = JSON.parse(text);
  } catch (cause) {
    throw noSetUp(name, cause);
  }
  const head = v.safeParse(HeadSchema, json);
  if (!head.success) throw noSetUp(name, head.issues);
  if (head.output.version > VERSION) {
    throw new GorpError(
      'settings/newer-version',
      `${name} has version ${head.output.version}; this page reads version ${VERSION}.`,
      'Reload the page, or use the gorp-web version that made it.',
    );
  }
  const body = v.safeParse(BodySchema, json, { abortEarly: true });
  if (!body.success) throw noSetUp(name, body.issues);
  const lacksModel = body.output.model === null;
  return { settings: parseSettings({ ...body.output.settings, model: body.output.model ?? model }), lacksModel };
}

const noSetUp = (name: string, cause: unknown): GorpError =>
  new GorpError(
    'settings/no-set-up',
    `${name} is not a gorp-web set-up, or was cut off.`,
    'Copy the whole link again, or choose a file that “Save set-up” wrote.',
    { cause },
  );

/** The address of this page with something in its hash, which browsers do not send to servers. */
export function linkWith(page: string, key: string, bytes: Uint8Array): string {
  const url = new URL(page);
  url.search = '';
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  url.hash = `${key}=${base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')}`;
  return url.href;
}

/**
 * Returns the bytes that {@link linkWith} put into a hash; undefined if it holds nothing of this key, null if it is
 * damaged.
 */
export function bytesOfHash(hash: string, key: string): Uint8Array<ArrayBuffer> | null | undefined {
  const base64 = new RegExp(`^#${key}=(.*)$`, 's').exec(hash)?.[1];
  if (base64 === undefined) return undefined;
  try {
    const binary = atob(base64.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(binary, (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/** The address of this page with a set-up. */
export const setUpLink = (page: string, text: string): string =>
  linkWith(page, KEY, new TextEncoder().encode(JSON.stringify(JSON.parse(text))));

/** The text of the set-up in the hash of an address; null if it has none, an empty text if it is damaged. */
export function setUpOfHash(hash: string): string | null {
  const bytes = bytesOfHash(hash, KEY);
  if (bytes === undefined) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes ?? new Uint8Array());
  } catch {
    return '';
  }
}

/** A setting that a set-up would change. */
interface Change {
  path: string;
  name: string;
  /** null if the settings lack it. */
  now: string | null;
  then: string | null;
}

/** The changes if settings were applied, in the order of the settings. */
export function changesOf(now: RunSettings, then: RunSettings): Change[] {
  const [before, after] = [flatSettings(now), flatSettings(then)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((path) => before.get(path) !== after.get(path))
    .map((path) => ({
      path,
      name: settingName(path, after.has(path) ? then : now),
      now: before.get(path) ?? null,
      then: after.get(path) ?? null,
    }));
}

/** A shared set-up for review before it is applied, or why it cannot be applied. */
export type Offer = { from: string; setUp: SetUp } | { from: string; error: ErrorReport };
