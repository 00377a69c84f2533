import { SPACE, TOKEN_TYPE } from '../weights/gguf/token-types.ts';
import type { GgufValue } from '../weights/gguf/values.ts';
import { whitespaceMap } from '../weights/gguf/whitespace-map.ts';
import { canonical, noGguf, type TokenizerJson } from './tokenizer-json.ts';
import type { Vocabulary } from './vocabulary.ts';

type UnigramJson = TokenizerJson<'Unigram'>;

/** Of tokens that no text has, as llama.cpp's converter gives them. */
const UNUSED_SCORE = -10_000;

/**
 * The fields of a Unigram tokenizer of words. llama.cpp splits a whole text at once, so that no token may span words, and
 * has no bytes for unknown characters.
 *
 * @throws GorpError `text/no-gguf`.
 */
export function unigramValues(json: UnigramJson, { tokens, types }: Vocabulary): Record<string, GgufValue> {
  const { vocab, byte_fallback: hasBytes } = json.model;
  if (hasBytes) throw noGguf('it writes unknown characters as bytes, which llama.cpp does not do for this kind');
  const splitting = canonical(json.pre_tokenizer);
  if (!AT_WHITE_SPACE.has(splitting) && !AT_SPACES.has(splitting))
    throw noGguf('it does not split texts at every white space');
  const spanning = tokens.find((token, id) => types[id] === TOKEN_TYPE.normal && token.lastIndexOf(SPACE) > 0);
  if (spanning !== undefined) throw noGguf(`its token ${JSON.stringify(spanning)} spans words`);
  if (!tokens.includes(SPACE)) throw noGguf('it has no token for a space');
  const scores = new Float32Array(tokens.length).fill(UNUSED_SCORE);
  vocab.forEach(([, score], id) => (scores[id] = score));
  return {
    model: { type: 'string', value: 't5' },
    pre: { type: 'string', value: 'default' },
    scores: { type: 'array', of: 'float32', items: scores },
    add_space_prefix: { type: 'bool', value: true },
    remove_extra_whitespaces: { type: 'bool', value: true },
    precompiled_charsmap: { type: 'array', of: 'uint8', items: mapOf(json, AT_SPACES.has(splitting)) },
  };
}

/** Words, each with a space before it; in the words of earlier versions too. */
const wordsOf = (split: object): ReadonlySet<string> =>
  new Set(
    [{ prepend_scheme: 'always', split: true }, { prepend_scheme: 'always' }, { add_prefix_space: true }].map((more) =>
      canonical({ type: 'Sequence', pretokenizers: [split, { type: 'Metaspace', replacement: SPACE, ...more }] }),
    ),
  );
const AT_WHITE_SPACE = wordsOf({ type: 'WhitespaceSplit' });
/** As llama.cpp splits, and this project the texts of GGUF files. */
const AT_SPACES = wordsOf({ type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false });

const isForm = (form: unknown): form is { type: unknown; precompiled_charsmap?: unknown } =>
  typeof form === 'object' && form !== null && 'type' in form;

/**
 * How characters are changed first. llama.cpp does not put texts into Unicode's composed form (NFC).
 *
 * @param atSpaces whether other white space is text.
 */
function mapOf({ normalizer }: UnigramJson, atSpaces: boolean): Uint8Array {
  if (normalizer == null && atSpaces) return new Uint8Array();
  if (normalizer == null || (isForm(normalizer) && normalizer.type === 'NFC')) return whitespaceMap();
  if (isForm(normalizer) && normalizer.type === 'Precompiled' && typeof normalizer.precompiled_charsmap === 'string') {
    return Uint8Array.from(atob(normalizer.precompiled_charsmap), (letter) => letter.charCodeAt(0));
  }
  throw noGguf('it changes texts in a way that llama.cpp does not');
}
