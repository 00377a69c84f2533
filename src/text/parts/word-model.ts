/** The part `model` of tokenizer.json: the vocabulary, and how a word becomes tokens. */
import { BPE } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { badTokenizer, checked } from './fault.ts';
import { remembering } from './pre-tokenizer.ts';
import { LONGEST_ENTRY, type TrieNode, trieOf } from './added-tokens.ts';

/** Highest token id, far above any vocabulary: larger ids would need huge tables, or wrap in 32 bits. */
const MAX_ID = 2 ** 24 - 1;
export const idSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_ID));

const flag = v.nullish(v.boolean(), false);
const noText = v.nullish(v.literal(''));
const ModelSchema = v.variant('type', [
  v.looseObject({
    type: v.literal('Unigram'),
    vocab: v.pipe(
      v.array(v.tuple([v.pipe(v.string(), v.maxLength(LONGEST_ENTRY)), v.pipe(v.number(), v.finite())])),
      v.minLength(1),
    ),
    unk_id: idSchema,
    byte_fallback: flag,
  }),
  v.looseObject({
    type: v.literal('BPE'),
    vocab: v.record(v.string(), idSchema),
    merges: v.array(v.union([v.string(), v.tuple([v.string(), v.string()])])),
    unk_token: v.nullish(v.string()),
    byte_fallback: flag,
    fuse_unk: flag,
    ignore_merges: flag,
    dropout: v.nullish(v.literal(0)),
    continuing_subword_prefix: noText,
  }),
]);

/** A vocabulary, and how it divides words. */
export interface WordModel {
  readonly type: 'BPE' | 'Unigram';
  /** Highest id + 1. */
  readonly size: number;
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** Token ids of a word. */
  encode(word: string): readonly number[];
}

/** @throws GorpError `text/bad-tokenizer`. */
export function wordModelOf(part: unknown): WordModel {
  const model = checked(ModelSchema, part, 'tokenizer.json, model');
  const { vocab, tokens_to_ids: ids, encode } = model.type === 'BPE' ? bpe(part, model) : unigram(model);
  return {
    type: model.type,
    size: vocab.length,
    idOf: (token) => ids.get(token),
    tokenOf: (id) => vocab[id],
    encode: remembering(encode),
  };
}

type Model<Type> = Extract<v.InferOutput<typeof ModelSchema>, { type: Type }>;
type Divided = Pick<BPE, 'vocab' | 'tokens_to_ids'> & { encode: (word: string) => number[] };

function bpe(
  part: unknown,
  { unk_token: unknown, byte_fallback: hasBytes, fuse_unk: fuses, merges }: Model<'BPE'>,
): Divided {
  const joins = (merge: string | [string, string], token: string): boolean =>
    (typeof merge === 'string' ? merge.split(' ') : merge).includes(token);
  if (unknown != null && merges.some((merge) => joins(merge, unknown)))
    throw badTokenizer(`tokenizer.json: its merges join ${unknown}, which stands for unknown text`);
  // Pass the input itself, which the schema has checked: valibot's copy of a record lacks a key "constructor".
  const library = new BPE(part as ConstructorParameters<typeof BPE>[0]);
  const { vocab, tokens_to_ids: ids } = library;
  // Without a token for unknown text, the letters around it are joined as neighbours.
  const omits = unknown == null && !hasBytes && !library.end_of_word_suffix;
  const encode = (word: string): number[] => {
    const found: number[] = [];
    let before: string | undefined;
    for (const piece of library.encode([
      omits ? Array.from(word, (one) => (ids.has(one) ? one : '')).join('') : word,
    ])) {
      const id = ids.get(piece);
      if (id === undefined) throw new Error(`the vocabulary lacks ${piece}`);
      if (!fuses || piece !== unknown || before !== unknown) found.push(id);
      before = piece;
    }
    return found;
  };
  return { vocab, tokens_to_ids: ids, encode };
}

const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

/** How much less likely than the least likely piece a character is that is no piece. */
const UNKNOWN_PENALTY = 10;

/**
 * A score as Hugging Face's tokenizers read it from the file: Rust rounds its digits and then their quotient by a power
 * of ten, which decides between ways of equal scores.
 */
function scoreAsRead(score: number): number {
  const [digits, exponent = '0'] = String(Math.abs(score)).split('e');
  const [whole, fraction = ''] = digits.split('.');
  const power = Number(exponent) - fraction.length;
  const size = Number(whole + fraction);
  return Math.sign(score) * (power < 0 ? size / Number(`1e${-power}`) : size * Number(`1e${power}`));
}

/**
 * Divides a word into the pieces with the highest sum of scores; of equal sums, into those that Hugging Face's
 * tokenizers find (`encode_optimized`). Text that is no piece becomes one unknown token, or its bytes (umT5).
 */
function unigram({ vocab, unk_id: unknown, byte_fallback: hasBytes }: Model<'Unigram'>): Divided {
  if (unknown >= vocab.length)
    throw badTokenizer(`tokenizer.json: unk_id ${unknown} is outside its ${vocab.length} entries`);
  const ids = new Map(vocab.map(([piece], id) => [piece, id]));
  const root = trieOf(ids);
  const pieceScores = vocab.map(([, score]) => scoreAsRead(score));
  const least = pieceScores.reduce((one, other) => Math.min(one, other));
  const utf8 = new TextEncoder();
  const idsOf = (other: string): number[] => {
    const known = ids.get(other);
    if (known !== undefined) return [known];
    const bytes = hasBytes ? Array.from(utf8.encode(other), (byte) => ids.get(BYTES[byte])) : [undefined];
    return bytes.every((id) => id !== undefined) ? bytes : [unknown];
  };
  const encode = (word: string): number[] => {
    const letters = [...word];
    // Of the best way to each place: its score, and the last piece with its beginning.
    const scores = new Float64Array(letters.length + 1).fill(-Infinity);
    const begins = new Int32Array(letters.length + 1);
    const last = new Int32Array(letters.length + 1);
    scores[0] = 0;
    for (let begin = 0; begin < letters.length; begin++) {
      const reach = (end: number, id: number, score: number): void => {
        if (scores[begin] + score <= scores[end]) return;
        [scores[end], begins[end], last[end]] = [scores[begin] + score, begin, id];
      };
      let node: TrieNode<number> | undefined = root;
      let isKnown = false;
      for (let end = begin; end < letters.length;) {
        node = node.next.get(letters[end++]);
        if (node === undefined) break;
        if (node.value === undefined) continue;
        isKnown ||= end === begin + 1;
        reach(end, node.value, pieceScores[node.value]);
      }
      if (!isKnown) reach(begin + 1, unknown, least - UNKNOWN_PENALTY);
    }
    const found: number[][] = [];
    for (let end = letters.length; end > 0;) {
      let begin = begins[end];
      const id = last[end];
      if (id === unknown) while (begin > 0 && last[begin] === unknown) begin = begins[begin];
      found.push(id === unknown ? idsOf(letters.slice(begin, end).join('')) : [id]);
      end = begin;
    }
    return found.reverse().flat();
  };
  return { vocab: vocab.map(([piece]) => piece), tokens_to_ids: ids, encode };
}
