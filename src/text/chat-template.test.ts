import { describe, expect, it, vi } from 'vitest';
import { reportOf } from '../base/errors.ts';
import { referencesWith } from '../testing/reference.ts';
import { ChatTemplate, templateOf } from './chat-template.ts';
import type { ChatTurn } from './chat-turn.ts';

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
    expect(one.renderings.length).toBeGreaterThan(3);
    for (const {
      conversation,
      add_generation_prompt: addGenerationPrompt,
      enable_thinking: thinking,
      ...found
    } of one.renderings) {
      const tokens = { bos_token: one.bos_token, eos_token: one.eos_token };
      const render = (): string =>
        template.render(one.conversations[conversation], { addGenerationPrompt, tokens, thinking });
      if (found.error === undefined) expect(render(), conversation).toBe(found.text);
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
    [
      'a list that holds itself twice, 40 times over',
      `${grown(40, '[1]', '[ns.t, ns.t]')}{{ ns.t | tojson }}`,
      'it takes more',
    ],
    [
      'two such lists, compared',
      `${grown(40, '[1]', '[ns.t, ns.t]')}{{ ns.t == [ns.t[0], ns.t[1]] }}`,
      'it takes more',
    ],
    ...['string', 'join', "join(',')"].map((filter) => [
      `such a list as ${filter}`,
      `${grown(40, '[1]', '[ns.t, ns.t]')}{{ ns.t | ${filter} }}`,
      'it writes a list',
    ]),
    ['such a list, added to a text', `${grown(40, '[1]', '[ns.t, ns.t]')}{{ 'a' ~ ns.t }}`, 'it writes a list'],
    ['a list of a hundred levels', `${grown(101, '[1]', '[ns.t]')}{{ ns.t | tojson(indent=9) }}`, 'nested too deep'],
    ['lists of a hundred levels, compared', `${grown(101, '[1]', '[ns.t]')}{{ ns.t == [ns.t[0]] }}`, 'nested too deep'],
    ['a list that doubles', `${grown(60, '[1]', 'ns.t + ns.t')}{{ ns.t | length }}`, 'it takes more'],
    [
      'a namespace in itself',
      '{% set ns = namespace() %}{% set ns.t = [ns] %}{{ ns.t | tojson }}',
      'a namespace as JSON',
    ],
    ['a growing text, split into letters', `${grown(24, "'ab'", 'ns.t ~ ns.t')}{{ ns.t | list | length }}`, 'too long'],
    ['a long separator', `${grown(20, "'ab'", 'ns.t ~ ns.t')}{{ range(99999) | join(ns.t) }}`, 'too long'],
    ['a wide indent', `${grown(20, "'\\n'", 'ns.t ~ ns.t')}{{ ns.t | indent(99999, true, true) }}`, 'too long'],
    ['a block with a wide indent', `{% filter indent(99999) %}${'a\n'.repeat(2000)}{% endfilter %}`, 'too long'],
    ['wide JSON', '{{ range(99999) | tojson(indent=99999) }}', 'too long'],
    ['a long replacement', `${grown(20, "'ab'", 'ns.t ~ ns.t')}{{ ns.t.replace('a', ns.t) }}`, 'too long'],
    ...["(ns.t ~ 'b' ~ ns.t) in (ns.t ~ ns.t ~ ns.t)", "ns.t.split(ns.t ~ 'b')", "ns.t | replace(ns.t ~ 'b', '')"].map(
      (search) => [`a long text in ${search}`, `${grown(18, "'a'", 'ns.t ~ ns.t')}{{ ${search} }}`, 'looks for a long'],
    ),
    ['the same as a filter', `${grown(20, "'ab'", 'ns.t ~ ns.t')}{{ ns.t | replace('a', ns.t) }}`, 'too long'],
    ['a range of tiny steps', '{{ range(0, 99999, 0.0001) }}', '0.0001'],
    ['a range up to a text', "{{ range('1000000000') }}", 'a range with a string'],
    // What Python would do otherwise, or this does not know.
    ['a sum of a text and a number', "{{ 'a' + 1 }}", 'it computes + with a string'],
    ['a part of what is undefined', '{{ messages[0].tool.name }}', 'name of an undefined value'],
    ['a comparison of three', '{{ 1 < 2 < 3 }}', 'more than two values'],
    ['a division', '{{ 4 / 2 }}', 'it computes with /'],
    ['a test that is not known', "{% if 'a' is upper %}{% endif %}", 'a test upper'],
    ['a method that is not known', "{{ 'a'.zfill(3) }}", 'zfill of a string'],
    ['an attribute of a loop', '{% for m in messages %}{{ loop.cycle(1, 2) }}{% endfor %}', 'cycle'],
    ['a way into Python', "{{ ''.__class__ }}", '__class__'],
    ['a date in the words of another country', "{{ strftime_now('%c') }}", '%c'],
    ['a list that changes', '{% set a = [] %}{{ a.append(1) }}', 'append'],
    ['a raw block', '{% raw %}{{ a }}{% endraw %}', 'raw'],
    ['a tag without end', "{{ 'a}}", 'does not end'],
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
