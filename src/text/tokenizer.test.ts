import { describe, expect, it } from 'vitest';
import { GorpError } from '../base/errors.ts';
import type { TokenizerGuard } from '../base/tokenizer-config.ts';
import { encodeLabel } from '../tasks/labels.ts';
import { committedReference, referencesWith, tokenizersOf } from '../testing/reference.ts';
import { BYTE_LETTERS } from './parts/fault.ts';
import { checkVocabulary, loadTokenizer } from './tokenizer.ts';

/** A text with its ids by every tokenizer of the folder, named after its folder. */
type TextIds = { text: string } & Record<string, number[]>;

interface Golden {
  items: TextIds[];
  labels: TextIds[];
  /** Texts that T5's published tokenizer can split in two ways of equal score. */
  t5_equal_score_splits?: { items: { text: string; ids: number[]; sentencepiece_ids: number[] }[] };
}

const GOLDEN = 'tokenizers/golden.json';
const TOKENIZERS = referencesWith(GOLDEN).flatMap((reference) =>
  tokenizersOf(reference).map((tokenizer) => ({ ...tokenizer, reference })),
);

describe.each(TOKENIZERS)('$name of $reference.name', ({ name, folder, form, hasBytes, reference }) => {
  const golden = reference.json<Golden>(GOLDEN);
  const json = (file: string): unknown => reference.json(`${folder}/${file}.json`);
  const tokenizer = loadTokenizer(hasBytes ? null : json('tokenizer'), json('tokenizer_config'), form);

  it('gives the ids of the reference, including the token that closes or begins a prompt', () => {
    expect(golden.items.length).toBeGreaterThan(0);
    for (const one of [...golden.items, ...golden.labels]) {
      expect(tokenizer.encodePrompt(one.text), JSON.stringify(one.text)).toEqual(one[name]);
    }
  });

  it('decodes labels without special tokens and padding rows', () => {
    for (const one of golden.labels) {
      const ids = one[name];
      const text = tokenizer.decode([tokenizer.padId, ...ids, tokenizer.padId, tokenizer.size + 1]);
      // A piece that the vocabulary lacks cannot be decoded.
      const isWhole = tokenizer.unkId === null || !ids.includes(tokenizer.unkId);
      if (isWhole) expect(text).toBe(one.text);
      else expect(text).toBe(tokenizer.decode(ids.filter((id) => id !== tokenizer.unkId)));
    }
  });

  it('accepts an embedding with padding rows, not a smaller one', () => {
    const { size } = tokenizer;
    expect(() => checkVocabulary(tokenizer, size)).not.toThrow();
    expect(() => checkVocabulary(tokenizer, size + 28)).not.toThrow();
    expect(() => checkVocabulary(tokenizer, size - 1)).toThrow(GorpError);
  });

  const ties = name === 't5' ? (golden.t5_equal_score_splits?.items ?? []) : [];
  if (ties.length > 0) {
    it('splits all words of equal score like the fast tokenizer', () => {
      const rule = (ids: (text: (typeof ties)[number]) => number[]): boolean =>
        ties.every(
          (tie) => JSON.stringify([...tokenizer.encode(tie.text), tokenizer.eosId]) === JSON.stringify(ids(tie)),
        );
      expect(rule((tie) => tie.ids) || rule((tie) => tie.sentencepiece_ids)).toBe(true);
    });
  }
});

/** A small tokenizer, which `change` may break. */
function small(change: (json: Record<string, Record<string, unknown>>) => void = () => undefined): unknown {
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  const json = {
    added_tokens: [special(0, '<pad>'), special(1, '</s>'), special(2, '<unk>')],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' }],
    },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<pad>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ['▁', -2],
        ['▁a', -3],
        ['b', -4],
      ],
    },
  };
  const copy = JSON.parse(JSON.stringify(json)) as Record<string, Record<string, unknown>>;
  change(copy);
  return copy;
}

const REPLACE = { type: 'Replace', pattern: { Regex: '(a+)+!' }, content: '' };
const DOUBLE = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' };
/** A part of a tokenizer, so many levels deep. */
const nested = (depth: number): Record<string, unknown> =>
  JSON.parse('{"type":"Sequence","decoders":['.repeat(depth) + ']}'.repeat(depth)) as Record<string, unknown>;
const LETTERS = { type: 'ByteLevel' };
const TWICE = { type: 'Sequence', normalizers: [LETTERS, LETTERS] };
/** A charsmap without replacements, and then these bytes. */
const charsmap = (...bytes: number[]): Record<string, unknown> => ({
  type: 'Precompiled',
  precompiled_charsmap: btoa(String.fromCharCode(4, 0, 0, 0, 0, 0, 0, 0, ...bytes)),
});
/** A part that consists of others; each kind of part has its own name for them. */
const sequence = (parts: readonly object[]): Record<string, unknown> => ({
  type: 'Sequence',
  normalizers: parts,
  pretokenizers: parts,
  decoders: parts,
});
const SAME = { type: 'Replace', pattern: { String: 'a' }, content: 'b' };

describe('loadTokenizer', () => {
  const tokenizer = loadTokenizer(small(), {});

  it('uses the special tokens of the Hugging Face classes if the configuration names none', () => {
    expect(tokenizer).toMatchObject({ padId: 0, eosId: 1, unkId: 2, bosId: null, size: 6 });
  });

  it.each([
    ['a long word', 'a'.repeat(3_000_000), 'The prompt has 3000000 characters'],
    ['a word that is too long', `b ${'a'.repeat(100_001)} b`, 'A word of the prompt has 100001 characters'],
  ])('refuses a prompt of %s before it is tokenised', (_, text, message) => {
    const refusal = { code: 'text/prompt-too-long', message: expect.stringContaining(message) as string };
    expect(() => tokenizer.encodePrompt(text)).toThrow(expect.objectContaining(refusal) as Error);
    expect(tokenizer.encodePrompt('a b '.repeat(20_000)).length).toBeGreaterThan(20_000);
  });

  it('reads a special token given as text or as an object', () => {
    expect(loadTokenizer(small(), { eos_token: { content: 'b' }, pad_token: '▁' })).toMatchObject({
      eosId: 5,
      padId: 3,
    });
  });

  it('reads pieces that are names of object members', () => {
    const model = { type: 'BPE', vocab: { constructor: 0, '</s>': 1, toString: 2 }, merges: [] };
    const json = small((whole) => Object.assign(whole, { added_tokens: [], model }));
    expect(loadTokenizer(json, { pad_token: 'constructor', unk_token: 'toString' })).toMatchObject({
      padId: 0,
      unkId: 2,
    });
  });

  it('reports faults that are found only on a text', () => {
    const model = { type: 'BPE', vocab: { a: 0, '</s>': 1 }, merges: [], unk_token: '<none>' };
    const broken = loadTokenizer(
      small((json) => Object.assign(json, { model, added_tokens: [] })),
      {},
    );
    expect(() => broken.encode('b')).toThrow(expect.objectContaining({ code: 'text/bad-tokenizer' }) as GorpError);
  });

  it.each([
    ['nothing', small(), 0],
    ['a regular expression', small((json) => Object.assign(json, { normalizer: REPLACE })), 1],
    ['replacing a text by a longer one', small((json) => Object.assign(json, { normalizer: DOUBLE })), 1],
    ['replacing a text by one of its length', small((json) => Object.assign(json, { normalizer: SAME })), 0],
    ['turning bytes into letters', small((json) => Object.assign(json, { normalizer: LETTERS })), 0],
    ['doing so twice', small((json) => Object.assign(json, { normalizer: TWICE })), 1],
  ])('bounds the time of %s', (_, json, times) => {
    let guarded = 0;
    const guard: TokenizerGuard = (work) => {
      guarded++;
      return work();
    };
    loadTokenizer(json, {}, 'closed', guard).encode('a b');
    expect(guarded).toBe(times);
  });

  it('splits off numbers of every script, as Hugging Face does', () => {
    const vocab = { '</s>': 0, Ġ: 1, Â: 2, '¼': 3, 'Â¼': 4, 'ĠÂ¼': 5, ä: 6 };
    const split = [
      { type: 'Digits', individual_digits: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ];
    const json = small((whole) =>
      Object.assign(whole, {
        added_tokens: [],
        pre_tokenizer: { type: 'Sequence', pretokenizers: split },
        decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
        model: { type: 'BPE', vocab, merges: ['Â ¼', 'Ġ Â¼'] },
      }),
    );
    expect(loadTokenizer(json, {}).encode(' ¼')).toEqual([1, 4]);
  });

  it('tells charsmaps that change nothing from faulty ones', () => {
    for (const bytes of [charsmap(), charsmap(65, 0), { ...charsmap(), precompiled_charsmap: '' }]) {
      expect(
        loadTokenizer(
          small((json) => (json['normalizer'] = bytes)),
          {},
        ).encode('ab'),
      ).toEqual([4, 5]);
    }
  });

  it('encodes empty and unknown text', () => {
    expect(tokenizer.encode('')).toEqual([]);
    expect(tokenizer.encode(' \n ')).toEqual([]);
    expect(tokenizer.encode('ab ☃')).toEqual([4, 5, 3, 2]);
    expect(tokenizer.encode('a\ud800').length).toBeGreaterThan(0);
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.decode([4, 5, 3, 2, 1, 0, 99])).toBe('ab ');
  });

  it.each([
    ['replacements', [...Array<object>(20).fill(DOUBLE), { type: 'Lowercase' }]],
    ['a long replacement', [{ ...DOUBLE, content: 'a'.repeat(250) }, { type: 'Lowercase' }]],
    ['long beginnings', Array<object>(20).fill({ type: 'Prepend', prepend: 'a'.repeat(250) })],
    ['turns of letters into bytes', Array<object>(20).fill(LETTERS)],
  ])('refuses to make a text grow without bound by %s', (_, parts) => {
    const grown = loadTokenizer(
      small((json) => (json['normalizer'] = sequence(parts))),
      {},
    );
    // Between added tokens, each part of a text is changed by itself.
    expect(() => grown.encode('aé</s>'.repeat(20_000))).toThrow(
      expect.objectContaining({ code: 'text/bad-tokenizer' }) as Error,
    );
  });

  it.each<[string, unknown, unknown]>([
    ['no object', null, {}],
    ['a text', '{}', {}],
    ['an empty object', {}, {}],
    ['no configuration', small(), null],
    ['no model', small((json) => delete json['model']), {}],
    ['an unknown kind of model', small((json) => (json['model']['type'] = 'Telepathy')), {}],
    ['a piece without a score', small((json) => (json['model']['vocab'] = [['a']])), {}],
    ['a score that is no number', small((json) => (json['model']['vocab'] = [['a', 'b']])), {}],
    ['an unknown token outside the vocabulary', small((json) => (json['model']['unk_id'] = 6)), {}],
    ['a decoder with a regular expression', small((json) => (json['decoder'] = REPLACE)), {}],
    ['a decoder that makes texts longer', small((json) => (json['decoder'] = DOUBLE)), {}],
    ...['decoder', 'normalizer', 'pre_tokenizer', 'post_processor'].map((part): [string, unknown, unknown] => [
      `a ${part} that is nested very deep`,
      small((json) => (json[part] = nested(100_000))),
      {},
    ]),
    ...['decoder', 'normalizer', 'pre_tokenizer'].map((part): [string, unknown, unknown] => [
      `a ${part} of many parts`,
      small((json) => (json[part] = sequence(Array(101).fill(part === 'decoder' ? { type: 'Fuse' } : LETTERS)))),
      {},
    ]),
    [
      'a post-processor that puts a million tokens around a text',
      small((json) => {
        const [single, ids] = [Array(1000).fill({ SpecialToken: { id: 'x' } }), Array(1000).fill(1)];
        const special_tokens = { x: { id: 'x', ids, tokens: ids.map(() => '</s>') } };
        json['post_processor'] = { type: 'TemplateProcessing', single, special_tokens };
      }),
      {},
    ],
    [
      'an added token of a thousand letters',
      small((json) => Object.assign(json, { added_tokens: [{ id: 1, content: 'a'.repeat(1000) }] })),
      {},
    ],
    [
      'a piece of a thousand letters',
      small((json) => (json['model']['vocab'] as unknown[]).push(['a'.repeat(1000), -1])),
      {},
    ],
    [
      'pieces that would fill the memory',
      small((json) => {
        const pieces = Array.from({ length: 9000 }, (_, i) => [`${i}${'a'.repeat(500)}`, -1]);
        (json['model']['vocab'] as unknown[]).push(...pieces);
      }),
      {},
    ],
    [
      'ids that need more than 24 bits',
      small((json) => Object.assign(json, { added_tokens: [{ id: 2 ** 32 - 1, content: '<x>' }] })),
      {},
    ],
    [
      'an added token without text',
      small((json) => Object.assign(json, { added_tokens: [{ id: 1, content: '' }] })),
      {},
    ],
    [
      'a post-processor whose tokens have no names',
      small((json) => (json['post_processor'] = { type: 'TemplateProcessing', single: ['no object'], pair: [] })),
      {},
    ],
    [
      'a charsmap that is not base64',
      small((json) => (json['normalizer'] = { ...charsmap(), precompiled_charsmap: '!' })),
      {},
    ],
    [
      'a charsmap that is cut',
      small((json) => (json['normalizer'] = { ...charsmap(), precompiled_charsmap: 'AA==' })),
      {},
    ],
    [
      'a charsmap with a long replacement',
      small((json) => (json['normalizer'] = charsmap(...new Array<number>(300).fill(65)))),
      {},
    ],
    ...['(?i)a', '(?i:ß)', '(?i:a(b))', String.raw`\X`].map((Regex): [string, unknown, unknown] => [
      `the regular expression ${Regex}`,
      small((json) => (json['normalizer'] = { type: 'Replace', pattern: { Regex }, content: '' })),
      {},
    ]),
    ...['Removed', 'merged'].map((behavior): [string, unknown, unknown] => [
      `a pre-tokenizer that lacks what Split needs (${behavior})`,
      small((json) => (json['pre_tokenizer'] = { type: 'Split', pattern: { String: ' ' }, behavior })),
      {},
    ]),
    ['a decoder for other models', small((json) => (json['decoder'] = { type: 'WordPiece', prefix: '##' })), {}],
    ...[{ dropout: 0.1 }, { continuing_subword_prefix: '##' }, { unk_token: 'a', merges: ['a b'] }].map(
      (more): [string, unknown, unknown] => [
        `a byte-pair encoding with ${JSON.stringify(more)}`,
        small((json) => {
          const model = { type: 'BPE', vocab: { '</s>': 0, a: 1, b: 2, ab: 3 }, merges: [], ...more };
          Object.assign(json, { model, added_tokens: [] });
        }),
        {},
      ],
    ),
    ['an unknown normaliser', small((json) => Object.assign(json, { normalizer: { type: 'Magic' } })), {}],
    ['an end token that is not in the vocabulary', small(), { eos_token: '<end>' }],
    ['a special token that is a number', small(), { eos_token: 1 }],
  ])('refuses %s', (_, json, config) => {
    expect(() => loadTokenizer(json, config)).toThrow(expect.objectContaining({ code: 'text/bad-tokenizer' }) as Error);
  });
});

describe('a byte-level BPE, as in SmolLM', () => {
  const merges = ['t h', 'Ġ th', 'Ġth e', 'a t'];
  const pieces = [...BYTE_LETTERS, ...merges.map((merge) => merge.replace(' ', ''))];
  const special = { id: 0, content: '<|endoftext|>', special: true, normalized: false };
  const json = {
    added_tokens: [special],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries([special.content, ...pieces].map((piece, id) => [piece, id])),
      merges,
    },
  };
  const end = { bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' };
  const tokenizer = loadTokenizer(json, end, 'begun');
  /** The same with a token before every text and one after it. */
  const around = (front: string, after: string): unknown => {
    const tokens = [front, after].map((name) => [name, { id: name, ids: [0], tokens: [name] }] as const);
    const [begin, close] = [front, after].map((name) => ({ SpecialToken: { id: name, type_id: 0 } }));
    const single = [begin, { Sequence: { id: 'A', type_id: 0 } }, close];
    const template = {
      type: 'TemplateProcessing',
      single,
      pair: single,
      special_tokens: Object.fromEntries(tokens) as unknown,
    };
    return { ...json, post_processor: { type: 'Sequence', processors: [json.decoder, template] } };
  };
  const id = (piece: string): number => pieces.indexOf(piece) + 1;

  it('merges letters in order, across the bytes of a space', () => {
    expect(tokenizer.encode('that the cat')).toEqual([id('th'), id('at'), id('Ġthe'), id('Ġ'), id('c'), id('at')]);
    expect(tokenizer).toMatchObject({ eosId: 0, bosId: 0, padId: 0, size: 261 });
  });

  it('begins a prompt as its post-processor says, whatever bos_token says, and decodes every text', () => {
    const prompt = 'Task:TC\nthe naïve cat, 42 ☃\nAnswer:';
    const plain = tokenizer.encode(prompt);
    expect(tokenizer.encodePrompt(prompt)).toEqual(plain);
    const begun = loadTokenizer(around(special.content, special.content), end, 'begun');
    expect(begun.encodePrompt(prompt)).toEqual([0, ...plain]);
    expect(begun.encodeLabel(prompt)).toEqual(plain);
    expect(tokenizer.decode([0, ...plain, tokenizer.eosId])).toBe(prompt);
    expect(encodeLabel(tokenizer, ' cat')).toEqual([id('Ġ'), id('c'), id('at'), 0]);
    expect(() => checkVocabulary(tokenizer, 260)).toThrow(/261 tokens/);
  });

  it('refuses a post-processor that begins texts with an unknown token', () => {
    const json = around('<begin>', special.content);
    const noUnknown = { ...end, unk_token: null };
    expect(() => loadTokenizer(json, noUnknown, 'begun')).toThrow(
      /begins texts with a token that the vocabulary lacks/,
    );
  });
});

it('names special tokens to templates as transformers does: none that is null, or that only another class names', () => {
  const json = committedReference.json('tokenizers/byte-fallback-llama2/tokenizer.json');
  const written = (config: object): string | null => loadTokenizer(json, config, 'begun').written.bos_token;
  expect(written({ bos_token: '<s>', tokenizer_class: 'PreTrainedTokenizerFast' })).toBe('<s>');
  expect(written({ tokenizer_class: 'LlamaTokenizerFast' })).toBe('<s>');
  expect(written({})).toBe('<s>');
  expect(written({ bos_token: null, tokenizer_class: 'LlamaTokenizer' })).toBeNull();
  expect(written({ tokenizer_class: 'PreTrainedTokenizerFast' })).toBeNull();
});
