import { addressProblem } from '../base/address.ts';
import { type EmbeddedModel, embeddedModel } from './embedded-models.ts';

/** Where a model comes from, as named in a run's settings. */
export type ModelReference =
  /** A model that comes with the app. */
  | { kind: 'embedded'; folder: EmbeddedModel['folder'] }
  /** A folder of Hugging Face files, by address. */
  | { kind: 'url'; url: string }
  /** A repository on the hub; `revision` is a branch, a tag or a commit. */
  | { kind: 'hub'; repository: string; revision: string }
  /** Files that the user picked, passed separately from the settings. */
  | { kind: 'picked'; name: string };

/** The branch of a name without revision. */
export const DEFAULT_REVISION = 'main';
/** As on the hub: `org/name`, letters, digits, `-`, `_`, `.`; no part begins with a dot. */
const REPOSITORY = /^[A-Za-z0-9_-][\w.-]*\/[A-Za-z0-9_-][\w.-]*$/;
/** A branch, a tag, a commit or `refs/pr/N`. */
const REVISION = /^[A-Za-z0-9_-][\w./-]*$/;
const HUB_PAGE = /^https:\/\/huggingface\.co\/([^/]+\/[^/]+?)(?:\/tree\/([^/?#]+))?\/?$/;
const PICKED = 'picked:';

/**
 * Reads `embedded`, `embedded-llama`, `https://…`, `org/name`, `org/name@revision` or `picked:NAME`; the address of a
 * repository's page on huggingface.co counts as its name. Null for any other text, or an address with an {@link
 * addressProblem}.
 */
export function parseModelReference(text: string): ModelReference | null {
  const embedded = embeddedModel(text);
  if (embedded !== undefined) return { kind: 'embedded', folder: embedded.folder };
  if (text.startsWith(PICKED)) {
    return text.length === PICKED.length ? null : { kind: 'picked', name: text.slice(PICKED.length) };
  }
  const page = HUB_PAGE.exec(text);
  if (page === null && isAddress(text)) return addressProblem(text) === null ? { kind: 'url', url: text } : null;
  const at = text.indexOf('@');
  const repository = page?.[1] ?? (at < 0 ? text : text.slice(0, at));
  const revision = page === null ? (at < 0 ? DEFAULT_REVISION : text.slice(at + 1)) : (page[2] ?? DEFAULT_REVISION);
  const isValid = REPOSITORY.test(repository) && REVISION.test(revision) && !`${repository}/${revision}`.includes('..');
  return isValid ? { kind: 'hub', repository, revision } : null;
}

/** Whether a text is meant as an address, valid or not. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** A setting's model pinned to the commit it was opened at, since a name on the hub follows its branch. */
export function atCommit(model: string, commit: string | null): string {
  const reference = parseModelReference(model);
  return reference?.kind === 'hub' && commit !== null ? `${reference.repository}@${commit}` : model;
}

/** The name of a picked folder in the settings. */
export const pickedReference = (name: string): string => PICKED + name;
