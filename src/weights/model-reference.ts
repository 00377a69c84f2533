import { addressProblem } from '../base/address.ts';
import { type EmbeddedModel, embeddedModel } from './embedded-models.ts';

/** Where a model comes from, as the settings of a run name it. */
export type ModelReference =
  /** A model that comes with the app. */
  | { kind: 'embedded'; folder: EmbeddedModel['folder'] }
  /** A folder of Hugging Face files by address. */
  | { kind: 'url'; url: string }
  /** A repository on the hub; `revision` is a branch, a tag or a commit. */
  | { kind: 'hub'; repository: string; revision: string }
  /** Files that the person picked, which are handed over beside the settings. */
  | { kind: 'picked'; name: string };

/** The branch that a name without revision means. */
export const DEFAULT_REVISION = 'main';
/** As the hub has it: `org/name`, letters, digits, `-`, `_`, `.`; no part begins with a dot. */
const REPOSITORY = /^[A-Za-z0-9_-][\w.-]*\/[A-Za-z0-9_-][\w.-]*$/;
/** A branch, a tag, a commit or `refs/pr/N`. */
const REVISION = /^[A-Za-z0-9_-][\w./-]*$/;
const HUB_PAGE = /^https:\/\/huggingface\.co\/([^/]+\/[^/]+?)(?:\/tree\/([^/?#]+))?\/?$/;
const PICKED = 'picked:';

/**
 * Reads `embedded`, `embedded-llama`, `https://…`, `org/name`, `org/name@revision` or `picked:NAME`; the address of a repository's page on
 * huggingface.co counts as its name. Null when the text is none of them, or an address with an {@link addressProblem}.
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

/** Whether a text is meant as an address, right or wrong. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** The model of a setting at the commit it was opened at: a name on the hub means another one once its branch has moved on. */
export function atCommit(model: string, commit: string | null): string {
  const reference = parseModelReference(model);
  return reference?.kind === 'hub' && commit !== null ? `${reference.repository}@${commit}` : model;
}

/** A picked folder as the settings name it. */
export const pickedReference = (name: string): string => PICKED + name;
