import { describe, expect, it } from 'vitest';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { ChatTemplate } from './chat-template.ts';
import type { ChatTurn } from './chat-turn.ts';
import { chatTokenizer } from './chat-tokenizer.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

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

interface Masks {
  templates: Record<string, string>;
  cases: {
    tokenizer: string;
    template: string;
    conversation: string;
    turns: ChatTurn[];
    ids: number[];
    /** Where the assistant's last turn begins and ends, by the mask of transformers. */
    begin: number;
    end: number;
  }[];
}

const MASKS = 'golden/chat_masks.json';
describe.each(referencesWith(MASKS))('answers of $name', (reference) => {
  const { templates, cases } = reference.json<Masks>(MASKS);
  const names = [...new Set(cases.map(({ tokenizer }) => tokenizer))];

  it.each(names)('are the tokens that apply_chat_template marks, with %s', async (name) => {
    const json = (file: string): unknown => reference.json(`tokenizers/${name}/${file}.json`);
    const tokenizer = loadTokenizer(json('tokenizer'), json('tokenizer_config'), 'begun');
    for (const [template, source] of Object.entries(templates)) {
      const chat = chatTokenizer(tokenizer, await ChatTemplate.read(source));
      for (const one of cases.filter((each) => each.tokenizer === name && each.template === template)) {
        const { turns, ids, begin, end, conversation } = one;
        const [before, answer] = [turns.slice(0, -1), turns[turns.length - 1].content];
        const found = chat.encodeAnswered?.(before, answer, 100);
        expect([...(found?.source ?? []), ...(found?.label ?? [])], conversation).toEqual(ids.slice(0, end));
        expect(found?.source, `${template}: ${conversation}`).toEqual(ids.slice(0, begin));
        // Much longer answers are tokenised only as far as they are needed.
        const long = 'It is. '.repeat(2000);
        const whole = chat.encodeAnswered?.(before, long, 10_000).label ?? [];
        expect(chat.encodeAnswered?.(before, long, 10).label.slice(0, 10)).toEqual(whole.slice(0, 10));
      }
    }
  });
});
