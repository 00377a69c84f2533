import { describe, expect, it, vi } from 'vitest';
import { reportOf } from '../base/errors.ts';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { ChatTemplate, templateOf } from './chat-template.ts';
import type { ChatTurn } from './chat-turn.ts';
import { chatTokenizer } from './chat-tokenizer.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

interface Golden {
  conversations: Record<string, ChatTurn[]>;
  templates: Record<
    string,
    {
      chat_template: string;
      bos_token: string | null;
      eos_token: string | null;
      renderings: {
        conversation: string;
        add_generation_prompt: boolean;
        enable_thinking?: boolean;
        text?: string;
        error?: string;
      }[];
    }
  >;
}

const GOLDEN = 'golden/chat.json';
const TEMPLATES = referencesWith(GOLDEN).flatMap((reference) => {
  const { conversations, templates } = reference.json<Golden>(GOLDEN);
  return Object.entries(templates).map(([name, template]) => ({ name, reference, conversations, ...template }));
});

describe.each(TEMPLATES)('$name of $reference.name', (one) => {
  it('renders what apply_chat_template renders, and refuses what it refuses', async () => {
    const template = await ChatTemplate.read(one.chat_template);
    // Templates are rendered without thinking, so those that offer it are compared with thinking off.
    const thinks = one.renderings.some(({ enable_thinking: thinking }) => thinking === false);
    const cases = one.renderings.filter(({ enable_thinking: thinking, add_generation_prompt: generates }) =>
      thinks && generates ? thinking === false : thinking !== true,
    );
    expect(cases.length).toBeGreaterThan(3);
    for (const { conversation, add_generation_prompt: addGenerationPrompt, text, error } of cases) {
      const tokens = { bos_token: one.bos_token, eos_token: one.eos_token };
      const render = (): string => template.render(one.conversations[conversation], { addGenerationPrompt, tokens });
      if (error === undefined) expect(render(), conversation).toBe(text);
      else expect(render, conversation).toThrow(expect.objectContaining({ code: 'settings/template-failed' }) as Error);
    }
  });
});

/** The report of the error that a template causes. */
async function failure(source: string): Promise<ReturnType<typeof reportOf>> {
  try {
    const template = await ChatTemplate.read(source);
    template.render([{ role: 'user', content: 'x' }], { addGenerationPrompt: true, tokens: {} });
  } catch (error) {
    return reportOf(error);
  }
  throw new Error('the template was rendered');
}

/** Sets `ns.t` to a value, and then repeatedly to another. */
const grown = (times: number, from: string, to: string): string =>
  `{% set ns = namespace(t=${from}) %}{% for i in range(${times}) %}{% set ns.t = ${to} %}{% endfor %}`;

describe('an untrusted template', () => {
  it.each([
    ['no template', '{% for %}', ''],
    ['no end', '{% for m in messages %}', ''],
    ['refusal', "{{ raise_exception('Only questions.') }}", 'Only questions'],
    ['unknown filter', '{{ messages | explode }}', 'explode'],
    [
      'steps',
      `{% for a in range(9999) %}{% for b in range(9999) %}{% set c = a %}{% endfor %}{% endfor %}`,
      'it takes more',
    ],
    ['a large range', '{% for a in range(1000000000) %}{% endfor %}', 'number 1000000000'],
    ['a large range of products', '{% set a = 99999 * 99999 %}{{ a }}', 'too large'],
    [
      'growing text',
      "{% set ns = namespace(t='xy') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
      'too long',
    ],
    ['recursion', '{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}', ''],
    ['length', 'x'.repeat(131_073), '131073 characters'],
    ...['tojson', 'string', 'join', "join(',')"].map((filter) => [
      `a list that holds itself twice, 40 times over, as ${filter}`,
      `${grown(40, '[1]', '[ns.t, ns.t]')}{{ ns.t | ${filter} }}`,
      'too long',
    ]),
    ['such a list, added to a text', `${grown(40, '[1]', '[ns.t, ns.t]')}{{ 'a' ~ ns.t }}`, 'too long'],
    ['a list of a hundred levels', `${grown(101, '[1]', '[ns.t]')}{{ ns.t | tojson(indent=9) }}`, 'nested too deep'],
    ['a namespace in itself', '{% set ns = namespace() %}{% set ns.t = [ns] %}{{ ns.t }}', 'nested too deep'],
    ['a long separator', `${grown(20, "'ab'", 'ns.t ~ ns.t')}{{ range(99999) | join(ns.t) }}`, 'too long'],
    ['a wide indent', `${grown(20, "'\\n'", 'ns.t ~ ns.t')}{{ ns.t | indent(99999, true, true) }}`, 'too long'],
    ['a block with a wide indent', `{% filter indent(99999) %}${'a\n'.repeat(2000)}{% endfilter %}`, 'too long'],
    ['wide JSON', '{{ range(99999) | tojson(indent=99999) }}', 'too long'],
    ['a long replacement', `${grown(20, "'ab'", 'ns.t ~ ns.t')}{{ ns.t.replace('a', ns.t) }}`, 'too long'],
    ['the same as a filter', `${grown(20, "'ab'", 'ns.t ~ ns.t')}{{ ns.t | replace('a', ns.t) }}`, 'too long'],
    ['a range of tiny steps', '{{ range(0, 99999, 0.0001) }}', 'too long'],
    ['a range up to a text', "{{ range('1000000000') }}", 'too long'],
    ['a long date', `${grown(18, "'%B'", 'ns.t ~ ns.t')}{{ strftime_now(ns.t) }}`, 'date is too long'],
  ])('%s', async (_, source, words) => {
    const before = performance.now();
    const { code, message, nextStep } = await failure(source);
    expect(code).toBe('settings/template-failed');
    expect(message).toContain(words);
    expect(nextStep).toContain('raw prompts');
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});

it('what a template does with long texts and lists of tools is rendered as before', async () => {
  const template = await ChatTemplate.read(
    "{% for m in messages %}{{ m.content.replace('a', '<a>') | indent(8) }}{{ m.content.split('a') | join(', ') }}{% endfor %}{{ messages | tojson(indent=4) }}",
  );
  const content = 'a\n'.repeat(100_000);
  const text = template.render([{ role: 'user', content }], { addGenerationPrompt: true, tokens: {} });
  const lines = content
    .replaceAll('a', '<a>')
    .split('\n')
    .map((line, i) => (i > 0 && line ? `        ${line}` : line));
  const json = JSON.stringify([{ role: 'user', content }], null, 4);
  expect(text === lines.join('\n') + content.replaceAll('a', ', ') + json).toBe(true);
});

it('a machine that sleeps during a rendering does not count as a slow template', async () => {
  const template = await ChatTemplate.read('{% for a in range(5000) %}{{ a }}{% endfor %}');
  const render = (): string => template.render([], { addGenerationPrompt: false, tokens: {} });
  const expected = render();
  let looks = 0;
  // The second look is after eight hours.
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (looks++ === 0 ? 0 : 8 * 3_600_000));
  try {
    expect(render()).toBe(expected);
    expect(looks).toBeGreaterThan(1);
  } finally {
    clock.mockRestore();
  }
});

it('the template comes from its file, else from the tokenizer’s configuration', () => {
  expect(templateOf({ chat_template: 'a' }, 'b')).toBe('b');
  expect(templateOf({ chat_template: 'a' }, null)).toBe('a');
  const several = [
    { name: 'tool_use', template: 'a' },
    { name: 'default', template: 'b' },
  ];
  expect(templateOf({ chat_template: several }, null)).toBe('b');
  expect(templateOf({}, null)).toBeNull();
});

const TOKENIZERS = referencesWith('tokenizers/golden.json').flatMap((reference) =>
  tokenizersOf(reference)
    .filter(({ form }) => form === 'begun')
    .map((one) => ({ ...one, reference })),
);

describe.each(TOKENIZERS)('prompts of $name of $reference.name', ({ folder, reference }) => {
  const json = (file: string): unknown => reference.json(`${folder}/${file}.json`);
  const tokenizer = loadTokenizer(json('tokenizer'), json('tokenizer_config'), 'begun');
  // Uses only tokens that this tokenizer has.
  const { eos_token: end } = tokenizer.written;
  const source = `{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content | trim }}${end}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}`;
  const open = async (text = source): Promise<Tokenizer> => chatTokenizer(tokenizer, await ChatTemplate.read(text));

  it('prompt and label together give the whole conversation, up to the token that ends the answer', async () => {
    const chat = await open();
    for (const label of ['yes', 'very negative', ' no', 'Sci/Tech', '再']) {
      const ids = [...chat.encodePrompt('Is it so?\nAnswer:'), ...chat.encodeLabel(label), chat.eosId];
      const begin = tokenizer.written.bos_token ?? '';
      const whole = `${begin}user:Is it so?\nAnswer:${end}assistant:${label.trim()}${end}`;
      expect(ids, label).toEqual(tokenizer.encode(whole));
    }
  });

  it('refuses a template that writes unknown tokens or does not end the answer', async () => {
    const refusal = { code: 'settings/template-tokens' };
    await expect(open(source.replaceAll('{{ m.role }}:', '<|nobody|>{{ m.role }}:'))).rejects.toMatchObject(refusal);
    await expect(open('{% for m in messages %}{{ m.content }}{% endfor %}')).rejects.toMatchObject(refusal);
    await expect(open(`{{ messages[0].content }}${end}`)).rejects.toMatchObject({
      ...refusal,
      message: expect.stringContaining('omits the answer') as string,
    });
  });

  it('refuses a prompt that is too long before the template is applied to it', async () => {
    const chat = await open();
    for (const [text, message] of [
      ['a'.repeat(3_000_000), 'The prompt has 3000000 characters'],
      [`b ${'a'.repeat(100_001)} b`, 'A word of the prompt has 100001 characters'],
    ] as const) {
      const refusal = { code: 'text/prompt-too-long', message: expect.stringContaining(message) as string };
      const turns: ChatTurn[] = [{ role: 'user', content: text }];
      for (const encode of [() => chat.encodePrompt(text), () => chat.encodeTurns?.(turns)])
        expect(encode).toThrow(expect.objectContaining(refusal) as Error);
    }
  });

  it('refuses a conversation of which the template writes only some turns', async () => {
    const turns: ChatTurn[] = [
      { role: 'user', content: 'Is it so?' },
      { role: 'assistant', content: '<think>Is it?</think>\n\nIt is.' },
      { role: 'user', content: 'Why?' },
    ];
    const chat = await open(source.replace('m.content | trim', "m.content.split('</think>')[-1] | trim"));
    expect(tokenizer.decodeWhole(chat.encodeTurns?.(turns) ?? [])).toContain('It is.');
    for (const [what, some] of Object.entries({ first: 'messages[1:]', others: 'messages[-2:]' })) {
      const cut = await open(
        source.replace('in messages %}', `in (${some} if messages | length > 2 else messages) %}`),
      );
      expect(() => cut.encodeTurns?.(turns), what).toThrow(
        expect.objectContaining({
          code: 'settings/template-tokens',
          message: expect.stringContaining('cuts or changes turns') as string,
        }) as Error,
      );
    }
  });

  it('puts the system’s turn before the first user’s if the template refuses or omits it', async () => {
    const turns: ChatTurn[] = [
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Is it so?' },
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'Why?' },
    ];
    const [, , ...rest] = turns;
    const joined: ChatTurn[] = [{ role: 'user', content: 'Be short.\n\nIs it so?' }, ...rest];
    const known = await open();
    expect(known.encodeTurns?.(turns)).not.toEqual(known.encodeTurns?.(joined));
    for (const other of [
      source.replace('%}', "%}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"),
      source.replace('in messages %}', "in messages if m.role != 'system' %}"),
    ]) {
      const chat = await open(other);
      expect(chat.encodeTurns?.(turns)).toEqual(known.encodeTurns?.(joined));
      expect(tokenizer.decodeWhole(chat.encodeTurns?.(turns) ?? [])).toContain('Be short.');
    }
  });

  it('refuses a prompt that the template cuts or changes', async () => {
    for (const changed of ['m.content[:40]', 'm.content | upper | lower']) {
      const own = `(${changed}) if m.role == 'user' else m.content`;
      const chat = await open(source.replace('m.content | trim', own));
      const prompt = `Which is it?\nOption: yes, no\nAnswer${' again'.repeat(9)}:`;
      expect(() => chat.encodePrompt(prompt), changed).toThrow(
        expect.objectContaining({
          code: 'settings/template-tokens',
          message: expect.stringContaining('cuts or changes the prompt') as string,
        }) as Error,
      );
    }
  });
});
