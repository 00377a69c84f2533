import { SPLITTINGS } from '../weights/gguf/pre-tokenizers.ts';
import { hasLongTokens, mergesByScore } from '../weights/gguf/score-merges.ts';
import { SPACE, TOKEN_TYPE } from '../weights/gguf/token-types.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { canonical, noGguf, type TokenizerJson } from './tokenizer-json.ts';
import type { Vocabulary } from './vocabulary.ts';

type BpeJson = TokenizerJson<'BPE'>;

/**
 * The fields of a byte-pair encoding: of byte-level BPE, or of SentencePiece's with bytes for unknown characters.
 *
 * @throws GorpError `text/no-gguf`.
 */
export function bpeValues(json: BpeJson, { tokens, types }: Vocabulary): Record<string, GgufValue> {
  const { merges, byte_fallback: isBytes } = json.model;
  if (!isBytes) {
    return {
      model: { type: 'string', value: 'gpt2' },
      pre: { type: 'string', value: splittingOf(json) },
      merges: { type: 'array', of: 'string', items: merges.map(mergeText) },
    };
  }
  return {
    model: { type: 'string', value: 'llama' },
    pre: { type: 'string', value: 'default' },
    scores: { type: 'array', of: 'float32', items: scoresOf(json, tokens, types) },
    add_space_prefix: { type: 'bool', value: hasPrefix(json) },
  };
}

const pairOf = (merge: string | [string, string]): [string, string] => {
  if (typeof merge !== 'string') return merge;
  const at = merge.indexOf(' ', 1); // a part may begin with a space, but not a second one
  return [merge.slice(0, at), merge.slice(at + 1)];
};
const mergeText = (merge: string | [string, string]): string => (typeof merge === 'string' ? merge : merge.join(' '));

/** How llama.cpp calls the way in which a byte-level tokenizer splits texts. */
function splittingOf({ normalizer, pre_tokenizer, model }: BpeJson): string {
  const wanted = canonical({ normalizer: normalizer ?? null, pre_tokenizer });
  const found = Object.entries(SPLITTINGS).find(
    ([, one]) =>
      canonical({ normalizer: one.normalizer, pre_tokenizer: one.pre_tokenizer }) === wanted &&
      one.ignoreMerges === model.ignore_merges,
  );
  if (found !== undefined) return found[0];
  throw noGguf('it splits texts in a way that llama.cpp has no name for');
}

const REPLACE_SPACES = canonical({ type: 'Replace', pattern: { String: ' ' }, content: SPACE });
const PREPEND = canonical({
  type: 'Sequence',
  normalizers: [
    { type: 'Prepend', prepend: SPACE },
    { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
  ],
});
/** Splits at spaces, and no spaces are left. */
const NO_SPLIT = canonical({
  type: 'Split',
  pattern: { String: ' ' },
  behavior: 'MergedWithPrevious',
  invert: false,
});

/** Whether a text begins with a space for a SentencePiece tokenizer. */
function hasPrefix({ normalizer, pre_tokenizer }: BpeJson): boolean {
  const [form, split] = [canonical(normalizer ?? null), canonical(pre_tokenizer ?? null)];
  if (split === 'null' || split === NO_SPLIT) {
    if (form === PREPEND) return true;
    if (form === REPLACE_SPACES) return false;
  }
  const { type, replacement, prepend_scheme, split: splits } = (pre_tokenizer ?? {}) as Record<string, unknown>;
  if (form === 'null' && type === 'Metaspace' && replacement === SPACE && splits === false) {
    if (prepend_scheme === 'never') return false;
    if (prepend_scheme === 'first' || prepend_scheme === 'always') return true;
  }
  throw noGguf('it changes texts in a way that llama.cpp does not');
}

/**
 * Scores such that the piece with the highest score is the one that the merges join first.
 *
 * @throws GorpError if llama.cpp, which joins any two pieces that make a token, would join others than the merges.
 */
function scoresOf({ model }: BpeJson, tokens: readonly string[], types: Int32Array): Float32Array {
  const scores = new Float32Array(tokens.length).fill(-(tokens.length + 1));
  const pairs = model.merges.map(pairOf);
  const ranks = new Map<string, number>();
  for (const pair of pairs) {
    const joined = pair.join('');
    if (!ranks.has(joined)) ranks.set(joined, ranks.size);
  }
  for (const [joined, rank] of ranks) {
    const id = Object.hasOwn(model.vocab, joined) ? model.vocab[joined] : undefined;
    if (id === undefined) throw noGguf(`its merges make ${JSON.stringify(joined)}, which is no token`);
    scores[id] = -rank;
  }
  if (hasLongTokens(tokens)) throw noGguf('its tokens are too long');
  const takesPart = (id: number): boolean => types[id] === TOKEN_TYPE.normal || types[id] === TOKEN_TYPE.userDefined;
  const known = new Set(pairs.map((pair) => pair.join(' ')));
  const other = mergesByScore(tokens, scores, takesPart).find(([first, second]) => !known.has(`${first} ${second}`));
  if (other !== undefined) {
    throw noGguf(`llama.cpp would join ${JSON.stringify(other[0])} and ${JSON.stringify(other[1])}, its merges do not`);
  }
  return scores;
}
