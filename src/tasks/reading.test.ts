import { describe, expect, it } from 'vitest';
import { ChatTemplate } from '../text/chat-template.ts';
import { chatTokenizer } from '../text/chat-tokenizer.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { readingOf } from './reading.ts';

const TOKENIZERS = referencesWith('tokenizers/golden.json').flatMap((reference) =>
  tokenizersOf(reference).map((one) => ({ ...one, reference })),
);

describe.each(TOKENIZERS)('what is read with $name of $reference.name', ({ folder, form, hasBytes, reference }) => {
  const json = (file: string): unknown => reference.json(`${folder}/${file}.json`);
  const tokenizer = loadTokenizer(hasBytes ? null : json('tokenizer'), json('tokenizer_config'), form);
  const { eos_token: end, bos_token: begin } = tokenizer.written;

  it('is the prompt with its special token, then the label with the end token', () => {
    const [source, label] = [tokenizer.encodePrompt('Is it so?\nAnswer:'), tokenizer.encodeLabel('very good')];
    const tokens = readingOf(tokenizer, { source, label: [...label, tokenizer.eosId] });
    const text = (isLabel: boolean): string =>
      tokens.flatMap((token) => (token.isLabel === isLabel ? [token.text] : [])).join('');
    expect(tokens.map(({ isLabel }) => isLabel)).toEqual([...source.map(() => false), ...label.map(() => true), true]);
    expect(text(true)).toContain('very good');
    expect(text(true).endsWith(end ?? '')).toBe(true);
    if (form === 'closed') expect(text(false).endsWith(end ?? '')).toBe(true);
    else if (source[0] === tokenizer.bosId) expect(text(false).startsWith(begin ?? '')).toBe(true);
  });

  it('is the whole text of a long prompt, whose tokens are decoded a few at a time', () => {
    const text = Array.from({ length: 400 }, (_, i) => (i % 7 === 0 ? `é${i}再` : `some ${i} words`)).join(' ');
    const ids = tokenizer.encode(text);
    let decoded = 0;
    const decodeWhole = (some: readonly number[]): string => {
      decoded += some.length;
      return tokenizer.decodeWhole(some);
    };
    const tokens = readingOf({ ...tokenizer, decodeWhole }, { source: ids, label: [] });
    expect(tokens.map((token) => token.text).join('')).toBe(tokenizer.decodeWhole(ids));
    expect(decoded).toBeLessThan(130 * ids.length);
  });

  it('shows a character of several tokens once', () => {
    const ids = tokenizer.encodeLabel('再☃ no');
    if (tokenizer.unkId !== null && ids.includes(tokenizer.unkId)) return;
    const tokens = readingOf(tokenizer, { source: [], label: ids });
    expect(tokens.map(({ text }) => text).join('')).toBe(tokenizer.decodeWhole(ids));
    expect(tokens.every(({ text }) => !text.includes('\ufffd'))).toBe(true);
  });

  if (form === 'begun') {
    it('is the conversation of the chat template', async () => {
      const template = await ChatTemplate.read(
        `{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}${end}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}`,
      );
      const chat = chatTokenizer(tokenizer, template);
      const example = { source: chat.encodePrompt('So?'), label: [...chat.encodeLabel('no'), chat.eosId] };
      const whole = readingOf(chat, example);
      const text = whole.map((token) => token.text).join('');
      expect(text.replace(/\s/g, '')).toBe(`${begin ?? ''}user:So?${end}assistant:no${end}`);
    });
  }
});
