import { longestOf } from '../base/batch.ts';
import { GorpError } from '../base/errors.ts';
import { normalisedAnswer } from '../text/scores.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Task } from './task.ts';

/** Maximum length of an answer in tokens. */
export const MAX_ANSWER = 4096;
/** Tokens that an answer may have at least if its length follows from the labels: room for one that is no label. */
const LEAST_ANSWER = 4;
/** Letters per token at most: a longer label is refused before it is tokenised. */
const LETTERS_PER_TOKEN = 32;

/**
 * Maximum number of tokens in an answer, with the token that ends it.
 *
 * @param targetLength as the settings give it; 0 if it follows from the labels.
 * @param longest tokens of the longest label of all tasks, with the end.
 */
export const answerLength = (targetLength: number, longest: number): number =>
  targetLength === 0 ? Math.max(LEAST_ANSWER, longest) : targetLength;

/** A label as whole token ids, the end token last. */
export const encodeLabel = (tokenizer: Tokenizer, label: string): number[] => [
  ...tokenizer.encodeLabel(label),
  tokenizer.eosId,
];

/**
 * The labels of a task as token ids, the end token last: whole, distinct, and such that a model that writes one is
 * right.
 *
 * @param targetLength the longest answer in tokens, with the end; 0 for as long as the labels need.
 * @throws GorpError `tasks/label-too-long`, `tasks/label-unwritable`, `tasks/labels-alike`.
 */
export function encodeLabels(
  tokenizer: Tokenizer,
  { name, labels }: Pick<Task, 'name' | 'labels'>,
  targetLength: number,
): number[][] {
  checkDistinct(labels, name);
  const most = targetLength === 0 ? MAX_ANSWER : targetLength;
  for (const label of labels) {
    if (label.length > LETTERS_PER_TOKEN * MAX_ANSWER) throw tooLong(name, label, `${label.length} letters`, most);
  }
  const encoded = labels.map((label) => encodeLabel(tokenizer, label));
  const longest = longestOf(encoded);
  if (longest > most) {
    const label = labels[encoded.findIndex(({ length }) => length === longest)];
    throw tooLong(name, label, `${longest} tokens with the end of the answer`, most, longest);
  }
  checkTokens(tokenizer, name, labels, encoded);
  for (const [i, label] of labels.entries()) {
    const back = tokenizer.decode(encoded[i].slice(0, -1));
    if (normalisedAnswer(back) === normalisedAnswer(label)) continue;
    throw new GorpError(
      'tasks/label-unwritable',
      `Task ${name}: the model's tokenizer cannot write the label ${quoted(label)}, but writes ${quoted(back)} instead. Its answers would all count as wrong.`,
      OTHER_LABELS,
    );
  }
  return encoded;
}

/**
 * Checks that the comparison of answers can tell labels apart: it ignores case and punctuation.
 *
 * @param task its name, if there is one yet.
 * @throws GorpError `tasks/labels-alike`.
 */
export function checkDistinct(labels: readonly string[], task?: string): void {
  const where = task === undefined ? '' : `Task ${task}: `;
  const seen = new Map<string, string>();
  for (const label of labels) {
    const compared = normalisedAnswer(label);
    const other = seen.get(compared);
    if (other !== undefined || compared === '') {
      throw new GorpError(
        'tasks/labels-alike',
        other === undefined
          ? `${where}The label ${quoted(label)} has no letters or digits, and answers are compared only by these.`
          : `${where}The labels ${quoted(other)} and ${quoted(label)} differ only in case or punctuation, which the comparison of answers ignores.`,
        other === undefined
          ? 'Rename it in the file to a word.'
          : 'Merge them, or rename one in the file to another word.',
      );
    }
    seen.set(compared, label);
  }
}

function checkTokens(
  tokenizer: Tokenizer,
  name: string,
  labels: readonly string[],
  encoded: readonly (readonly number[])[],
): void {
  const seen = new Map<string, string>();
  for (const [i, label] of labels.entries()) {
    const key = encoded[i].join(' ');
    const other = seen.get(key);
    if (other !== undefined) {
      const written = tokenizer.decodeWhole(encoded[i].slice(0, -1));
      throw new GorpError(
        'tasks/labels-alike',
        `Task ${name}: the model's tokenizer writes the labels ${quoted(other)} and ${quoted(label)} as the same tokens, ${quoted(written)}.`,
        OTHER_LABELS,
      );
    }
    seen.set(key, label);
  }
}

const OTHER_LABELS =
  'Rename the label in the file of the task to words that the model knows, or choose a model with another tokenizer.';

function tooLong(name: string, label: string, length: string, most: number, needed?: number): GorpError {
  const settable = needed !== undefined && needed <= MAX_ANSWER;
  return new GorpError(
    'tasks/label-too-long',
    `Task ${name}: the label ${quoted(label)} takes ${length}, but an answer has at most ${most} tokens.`,
    settable
      ? `Set the answer length (training.targetLength) to ${needed} or more, or to 0 for as long as the labels need.`
      : 'Shorten this label in the file of the task.',
  );
}

/** A label between quotes, shortened, with characters that cannot be seen written as their code points. */
function quoted(label: string): string {
  const letters = [...label];
  const short = letters.length > 60 ? [...letters.slice(0, 60), '…'] : letters;
  const code = (letter: string): string => `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`;
  return `“${short.map((letter) => (/[\p{M}\p{C}]/u.test(letter) ? code(letter) : letter)).join('')}”`;
}
