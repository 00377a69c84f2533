import { addressProblem } from '../base/address.ts';
import { type EmbeddedModel, embeddedModel } from './embedded-models.ts';
import { isGgufName } from './gguf/splits.ts';

/** Where a model comes from, as named in a run's settings. */
export type ModelReference =
  /** A model that comes with the app. */
  | { kind: 'embedded'; folder: EmbeddedModel['folder'] }
  /** A folder of Hugging Face files, or a GGUF file in a folder, by address. */
  | { kind: 'url'; url: string; file?: string }
  /** A repository on the hub, or a GGUF file in it; `revision` is a branch, a tag or a commit. */
  | { kind: 'hub'; repository: string; revision: string; file?: string }
  /** Files that the user picked, passed separately from the settings. */
  | { kind: 'picked'; name: string };

/** The branch of a name without revision. */
export const DEFAULT_REVISION = 'main';
/** As on the hub: `org/name`, letters, digits, `-`, `_`, `.`; no part begins with a dot. */
const REPOSITORY = /^[A-Za-z0-9_-][\w.-]*\/[A-Za-z0-9_-][\w.-]*$/;
/** A branch, a tag, a commit or `refs/pr/N`. */
const REVISION = /^[A-Za-z0-9_-][\w./-]*$/;
const HUB_PAGE = /^https:\/\/huggingface\.co\/([^/]+\/[^/]+?)(?:\/tree\/([^/?#]+))?\/?$/;
const HUB_FILE =
  /^https:\/\/huggingface\.co\/([^/]+\/[^/]+)\/(?:blob|resolve)\/([^/?#]+)\/([^?#]+\.gguf)(?:\?download=true)?$/i;
/** A file of a repository, perhaps in folders. No part begins with a dot. */
const FILE = /^(?:[^/\\:?#\s.][^/\\:?#]*\/)*[^/\\:?#\s.][^/\\:?#]*\.gguf$/i;
const PICKED = 'picked:';

/**
 * Reads `embedded`, `embedded-llama`, `https://…`, `org/name`, `org/name@revision` or `picked:NAME`, and for a GGUF file
 * `https://….gguf`, `org/name:FILE.gguf` or `org/name@revision:FILE.gguf`. The address of a repository's page on
 * huggingface.co, or of its GGUF file, counts as its name. Null for any other text, or an address with an {@link
 * addressProblem}.
 */
export function parseModelReference(text: string): ModelReference | null {
  const embedded = embeddedModel(text);
  if (embedded !== undefined) return { kind: 'embedded', folder: embedded.folder };
  if (text.startsWith(PICKED)) {
    return text.length === PICKED.length ? null : { kind: 'picked', name: text.slice(PICKED.length) };
  }
  const page = HUB_PAGE.exec(text) ?? HUB_FILE.exec(text);
  if (page !== null) {
    const [, repository, revision = DEFAULT_REVISION, file] = page;
    return hubReference(repository, revision, file === undefined ? null : decoded(file));
  }
  if (isAddress(text)) return addressReference(text);
  const colon = text.indexOf(':');
  const [name, file] = colon < 0 ? [text, null] : [text.slice(0, colon), text.slice(colon + 1)];
  const at = name.indexOf('@');
  return at < 0
    ? hubReference(name, DEFAULT_REVISION, file)
    : hubReference(name.slice(0, at), name.slice(at + 1), file);
}

function hubReference(repository: string, revision: string, file: string | null): ModelReference | null {
  if (!REPOSITORY.test(repository) || !REVISION.test(revision)) return null;
  if (`${repository}/${revision}/${file}`.includes('..') || (file !== null && !FILE.test(file))) return null;
  return { kind: 'hub', repository, revision, ...(file !== null && { file }) };
}

function addressReference(text: string): ModelReference | null {
  if (addressProblem(text) !== null) return null;
  const { href } = new URL(text);
  const file = decoded(href.slice(href.lastIndexOf('/') + 1));
  return isGgufName(file) ? { kind: 'url', url: new URL('.', href).href, file } : { kind: 'url', url: text };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone "%" in a name
  }
}

/** Whether a text is meant as an address, valid or not. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** A setting's model pinned to the commit it was opened at, since a name on the hub follows its branch. */
export function atCommit(model: string, commit: string | null): string {
  const reference = parseModelReference(model);
  if (reference?.kind !== 'hub' || commit === null) return model;
  const { repository, file } = reference;
  return `${repository}@${commit}${file === undefined ? '' : `:${file}`}`;
}

/** The name of a picked folder in the settings. */
export const pickedReference = (name: string): string => PICKED + name;

/**
 * A model as sentences call it: one of this app by its own name, files by the name of their folder, any
 * other as it was entered.
 */
export function modelText(model: string): string {
  const embedded = embeddedModel(model);
  if (embedded !== undefined) return `the ${embedded.name.replace('Embedded', 'embedded')}`;
  const reference = parseModelReference(model);
  return reference?.kind === 'picked' ? `${reference.name} (from files)` : model;
}
