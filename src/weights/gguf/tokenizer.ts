import { hasLongTokens, mergesByScore, SPACE, TOKEN_TYPE, whitespaceMap } from './tokens.ts';
import { badValue, type GgufMetadata } from './values.ts';

/**
 * The tokenizer of a GGUF file as the tokenizer.json and tokenizer_config.json that the same model has on the hub. Three
 * kinds are read: byte-level BPE with merges, SentencePiece's BPE with scores and bytes, and Unigram.
 */

const KEY = 'tokenizer.ggml.';
const NOT_SUPPORTED = 'Take another model: this field would change how texts are read, and it is not supported.';

/** Fields of the tokenizer that do not change which tokens a text has. */
const IGNORED = new Set([
  ...['token_type_count', 'add_sep_token', 'seperator_token_id', 'separator_token_id', 'mask_token_id', 'cls_token_id'],
  ...['fim_pre', 'fim_suf', 'fim_mid', 'fim_pad', 'fim_rep', 'fim_sep', 'prefix', 'suffix', 'middle'].map(
    (part) => `${part}_token_id`,
  ),
]);

/** Texts of tokens that end an answer in published models, of which files name only one or two by number. */
const END_TEXTS = [
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|end|>',
];

/** Ids of special tokens; null for those that the file does not name. */
interface SpecialIds {
  readonly bos_token_id: number | null;
  readonly eos_token_id: number;
  readonly pad_token_id: number | null;
  readonly unknown_token_id: number | null;
  /** All tokens that end an answer, the one that ends a text first. */
  readonly endIds: readonly number[];
}

/** The tokenizer's two files on the hub. */
interface TokenizerFiles {
  readonly tokenizer: object;
  readonly tokenizerConfig: object;
}

/** Reads what a file says about its tokenizer. Faults are GorpErrors `weights/gguf-metadata`. */
export class GgufTokenizer {
  readonly #metadata: GgufMetadata;
  readonly #kind: string;
  readonly #tokens: readonly string[];
  readonly #types: ArrayLike<number>;
  readonly special: SpecialIds;
  readonly #read = new Set<string>();

  constructor(metadata: GgufMetadata) {
    this.#metadata = metadata;
    const kind = metadata.text(this.#key('model')) ?? '(none)';
    if (!Object.hasOwn(KINDS, kind)) {
      const known = Object.keys(KINDS).join(', ');
      throw badValue(`${KEY}model`, `is ${kind.slice(0, 100)}; these kinds are read: ${known}`, NOT_SUPPORTED);
    }
    this.#kind = kind;
    this.#tokens = metadata.texts(this.#key('tokens')) ?? [];
    const repeated = new Set(this.#tokens).size < this.#tokens.length;
    if (this.#tokens.length === 0 || repeated)
      throw badValue(`${KEY}tokens`, repeated ? 'has a token twice' : 'is missing');
    this.#types = this.#perToken('token_type') ?? new Uint8Array(this.#tokens.length).fill(TOKEN_TYPE.normal);
    this.special = this.#specialIds();
  }

  /** Number of tokens. */
  get size(): number {
    return this.#tokens.length;
  }

  #key(name: string): string {
    this.#read.add(name);
    return KEY + name;
  }

  #flag(name: string, otherwise: boolean): boolean {
    return this.#metadata.flag(this.#key(name)) ?? otherwise;
  }

  /** A list of numbers, one for each token. */
  #perToken(name: string): ArrayLike<number> | undefined {
    const list = this.#metadata.numbers(this.#key(name));
    if (list !== undefined && list.length !== this.#tokens.length) {
      throw badValue(KEY + name, `has ${list.length} entries for ${this.#tokens.length} tokens`);
    }
    return list;
  }

  #specialIds(): SpecialIds {
    const id = (name: string, otherwise: number | null = null): number | null => {
      const found = this.#metadata.whole(this.#key(`${name}_token_id`)) ?? otherwise;
      if (found !== null && found >= this.#tokens.length) {
        throw badValue(`${KEY}${name}_token_id`, `is ${found}, but there are ${this.#tokens.length} tokens`);
      }
      return found;
    };
    const { bos, eos, unknown, padding } = KINDS[this.#kind];
    const end = id('eos', eos);
    if (end === null) throw badValue(`${KEY}eos_token_id`, 'is missing: no token ends a text');
    const ids = new Map(this.#tokens.map((token, i) => [token, i]));
    const further = [id('eot'), id('eom'), ...END_TEXTS.map((text) => ids.get(text) ?? null)];
    return {
      bos_token_id: id('bos', bos),
      eos_token_id: end,
      pad_token_id: id('padding', padding),
      unknown_token_id: id('unknown', unknown),
      endIds: [...new Set([end, ...further.filter((one) => one !== null)])],
    };
  }

  /** @throws GorpError also for fields that are not understood. */
  files(): TokenizerFiles {
    const { form, addsBos, addsEos } = this.#form();
    const { bos_token_id: bos, eos_token_id: eos, pad_token_id: pad, unknown_token_id: unknown } = this.special;
    const tokenAt = (id: number | null): string | null => (id === null ? null : this.#tokens[id]);
    const front = this.#flag('add_bos_token', addsBos) ? [tokenAt(bos)] : [];
    if (front[0] === null) throw badValue(`${KEY}bos_token_id`, 'is missing, though every text begins with that token');
    const back = this.#flag('add_eos_token', addsEos) ? [tokenAt(eos)] : [];
    this.#refuseOthers();
    return {
      tokenizer: {
        version: '1.0',
        truncation: null,
        padding: null,
        added_tokens: this.#addedTokens(),
        ...form,
        post_processor: template([...front, null, ...back], new Map(this.#tokens.map((token, i) => [token, i]))),
      },
      tokenizerConfig: {
        bos_token: tokenAt(bos),
        eos_token: tokenAt(eos),
        pad_token: tokenAt(pad),
        unk_token: tokenAt(unknown),
        // As transformers reads GGUF files, and the programs of llama.cpp, which write token by token.
        clean_up_tokenization_spaces: false,
        add_bos_token: front.length > 0,
        ...(KINDS[this.#kind].form === 'unigram' && { charsmap: 'longest' }),
        ...this.#chatTemplate(),
      },
    };
  }

  #chatTemplate(): object {
    const template = this.#metadata.text('tokenizer.chat_template');
    return template === undefined ? {} : { chat_template: template };
  }

  #refuseOthers(): void {
    for (const key of this.#metadata.values.keys()) {
      const name = key.slice(KEY.length);
      if (key.startsWith(KEY) && !this.#read.has(name) && !IGNORED.has(name)) {
        throw badValue(key, 'is a field that is not understood', NOT_SUPPORTED);
      }
    }
  }

  /** Tokens that are found in a text before anything else. */
  #addedTokens(): object[] {
    return this.#tokens.flatMap((content, id) => {
      const type = this.#types[id];
      const isSpecial = type === TOKEN_TYPE.control || type === TOKEN_TYPE.unknown;
      if ((!isSpecial && type !== TOKEN_TYPE.userDefined) || content === '') return [];
      return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isSpecial }];
    });
  }

  #form(): Form {
    switch (KINDS[this.#kind].form) {
      case 'byte-level':
        return this.#byteLevel();
      case 'scores':
        return this.#sentencePiece();
      case 'unigram':
        return this.#unigram();
    }
  }

  #byteLevel(): Form {
    const name = this.#metadata.text(this.#key('pre'));
    if (name === undefined || !Object.hasOwn(SPLITTINGS, name)) {
      throw badValue(
        `${KEY}pre`,
        name === undefined
          ? 'is missing: nothing says how texts are split'
          : `is ${name.slice(0, 100)}, which is not read`,
        `Take another file of this model, or one that splits texts as ${Object.keys(SPLITTINGS).join(', ')} do.`,
      );
    }
    this.#neutral('add_space_prefix', false);
    this.#key('scores');
    const { normalizer, pre_tokenizer, ignoreMerges, addsBos } = SPLITTINGS[name];
    const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
    return {
      form: {
        normalizer,
        pre_tokenizer,
        decoder: byteLevel,
        model: this.#bpe(this.#merges(), { ignore_merges: ignoreMerges }),
      },
      addsBos,
      addsEos: false,
    };
  }

  #bpe(merges: [string, string][], more: object): object {
    return {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      ...more,
      vocab: this.#vocabulary(),
      merges,
    };
  }

  #vocabulary(): Record<string, number> {
    // fromEntries makes "__proto__" a key like any other.
    return Object.fromEntries(this.#tokens.map((token, id) => [token, id]));
  }

  #merges(): [string, string][] {
    const known = new Set(this.#tokens);
    const key = this.#key('merges');
    const merges = this.#metadata.texts(key);
    if (merges === undefined) throw badValue(key, 'is missing');
    return merges.map((merge) => {
      const at = merge.indexOf(' ', 1);
      const [first, second] = [merge.slice(0, at), merge.slice(at + 1)];
      if (at > 0 && known.has(first) && known.has(second) && known.has(first + second)) return [first, second];
      throw badValue(key, `has ${JSON.stringify(merge.slice(0, 100))}, which does not join two tokens to a third`);
    });
  }

  #scores(): ArrayLike<number> {
    const scores = this.#perToken('scores');
    if (scores === undefined) throw badValue(`${KEY}scores`, 'is missing');
    for (let i = 0; i < scores.length; i++) {
      if (!Number.isFinite(scores[i])) throw badValue(`${KEY}scores`, `has ${scores[i]} for token ${i}`);
    }
    return scores;
  }

  #sentencePiece(): Form {
    this.#key('pre'); // "default": this kind is not split beforehand
    this.#neutral('remove_extra_whitespaces', false);
    const hasPrefix = this.#flag('add_space_prefix', true);
    const unknown = this.special.unknown_token_id;
    const scores = this.#scores();
    const types = this.#types;
    if (hasLongTokens(this.#tokens)) throw badValue(`${KEY}tokens`, 'has tokens that are too long');
    const merges = mergesByScore(
      this.#tokens,
      scores,
      (id) => types[id] === TOKEN_TYPE.normal || types[id] === TOKEN_TYPE.userDefined,
    );
    const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE };
    const decoders = [
      { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ];
    const unk_token = unknown === null ? null : this.#tokens[unknown];
    return {
      form: {
        normalizer: hasPrefix
          ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: SPACE }, spaces] }
          : spaces,
        pre_tokenizer: null,
        decoder: { type: 'Sequence', decoders },
        model: this.#bpe(merges, { unk_token, fuse_unk: true, byte_fallback: true }),
      },
      addsBos: true,
      addsEos: false,
    };
  }

  #unigram(): Form {
    this.#key('pre');
    this.#neutral('add_space_prefix', true);
    this.#neutral('remove_extra_whitespaces', true);
    const scores = this.#scores();
    const types = this.#types;
    const map = Uint8Array.from(this.#metadata.numbers(this.#key('precompiled_charsmap')) ?? []); // bytes, signed or not
    const own = whitespaceMap();
    const isOwn = map.length === own.length && map.every((byte, i) => byte === own[i]);
    // SentencePiece splits at spaces alone. The map that this project writes makes one of every white space.
    const words = isOwn
      ? { type: 'WhitespaceSplit' }
      : { type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false };
    const metaspace = { type: 'Metaspace', replacement: SPACE, prepend_scheme: 'always', split: true };
    const hasBytes = this.#tokens.some((_, id) => types[id] === TOKEN_TYPE.byte);
    return {
      form: {
        normalizer: map.length === 0 || isOwn ? null : { type: 'Precompiled', precompiled_charsmap: base64(map) },
        pre_tokenizer: { type: 'Sequence', pretokenizers: [words, metaspace] },
        decoder: hasBytes ? { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, metaspace] } : metaspace,
        model: {
          type: 'Unigram',
          unk_id: this.special.unknown_token_id,
          byte_fallback: hasBytes,
          vocab: this.#tokens.map((token, id) => [token, scores[id]]),
        },
      },
      addsBos: false,
      addsEos: true,
    };
  }

  #neutral(name: string, value: boolean): void {
    const found = this.#metadata.flag(this.#key(name));
    if (found !== undefined && found !== value) throw badValue(KEY + name, `is ${found}`, NOT_SUPPORTED);
  }
}

interface Form {
  readonly form: object;
  readonly addsBos: boolean;
  readonly addsEos: boolean;
}

interface Kind {
  readonly form: 'byte-level' | 'scores' | 'unigram';
  /** Ids of special tokens that the file does not name. */
  readonly bos: number | null;
  readonly eos: number | null;
  readonly unknown: number | null;
  readonly padding: number | null;
}

/** By `tokenizer.ggml.model`. */
const KINDS: Readonly<Record<string, Kind>> = {
  gpt2: { form: 'byte-level', bos: null, eos: null, unknown: null, padding: null },
  llama: { form: 'scores', bos: 1, eos: 2, unknown: 0, padding: null },
  t5: { form: 'unigram', bos: null, eos: 1, unknown: 2, padding: 0 },
};

/** @param parts tokens around the text, which is null. */
function template(parts: readonly (string | null)[], ids: ReadonlyMap<string, number>): object | null {
  const special = parts.filter((part) => part !== null);
  if (special.length === 0) return null;
  const sequence = (id: string, type_id: number): object => ({ Sequence: { id, type_id } });
  return {
    type: 'TemplateProcessing',
    single: parts.map((part) => (part === null ? sequence('A', 0) : { SpecialToken: { id: part, type_id: 0 } })),
    pair: [sequence('A', 0), sequence('B', 1)],
    special_tokens: Object.fromEntries(special.map((id) => [id, { id, ids: [ids.get(id)], tokens: [id] }])),
  };
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** Refuses a vocabulary of another size than the embedding. @throws GorpError `weights/gguf-metadata`. */
export function checkVocabularySize({ size }: GgufTokenizer, rows: number): void {
  if (size === rows) return;
  throw badValue(`${KEY}tokens`, `has ${size} tokens, but the model has embeddings for ${rows}`);
}

/**
 * How byte-level vocabularies split a text before they merge bytes, by the name that a GGUF file gives it; each as the
 * tokenizer.json of the models with that name has it.
 */

/** The parts of a tokenizer.json besides vocabulary and merges. */
interface Splitting {
  readonly normalizer: object | null;
  readonly pre_tokenizer: object;
  /** Whether a piece that is a token is never built from merges. */
  readonly ignoreMerges: boolean;
  /** Whether a text begins with the token that begins texts, if the file does not say. */
  readonly addsBos: boolean;
}

const byteLevel = (use_regex: boolean): object => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});
const sequence = (...pretokenizers: object[]): object => ({ type: 'Sequence', pretokenizers });
const by = (Regex: string): object =>
  sequence({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, byteLevel(false));

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const words = (digits: string): string =>
  String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${SPACES}`;
const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const CASED = String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${SPACES}`;

const GPT2: Splitting = { normalizer: null, pre_tokenizer: byteLevel(true), ignoreMerges: false, addsBos: false };
const DIGITS: Splitting = {
  ...GPT2,
  pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
};
const LLAMA3: Splitting = {
  normalizer: null,
  pre_tokenizer: by(words(String.raw`\p{N}{1,3}`)),
  ignoreMerges: true,
  addsBos: true,
};
const QWEN2: Splitting = {
  normalizer: { type: 'NFC' },
  pre_tokenizer: by(words(String.raw`\p{N}`)),
  ignoreMerges: false,
  addsBos: false,
};
/** Mistral NeMo and later. */
const TEKKEN: Splitting = { normalizer: null, pre_tokenizer: by(CASED), ignoreMerges: true, addsBos: true };

/** By `tokenizer.ggml.pre`. */
export const SPLITTINGS: Readonly<Record<string, Splitting>> = {
  'gpt-2': GPT2,
  smollm: DIGITS,
  starcoder: DIGITS,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  tekken: TEKKEN,
};
