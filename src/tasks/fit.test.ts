import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { encodeExamples, fitPrompt, promptingOf } from './fit.ts';
import { promptFrame, promptOf } from './prompt.ts';
import type { Task } from './task.ts';

const EOS = 1;
/** One token per character except white space, so that lengths are easy to read. */
const encode = (text: string): number[] =>
  Array.from(text.replace(/\s+/g, ''), (character) => character.codePointAt(0) ?? 0);
const characters: Tokenizer = {
  encode,
  encodePrompt: (text) => [...encode(text), EOS],
  encodeLabel: encode,
  decodeWhole: () => '',
  isSpecial: (id) => id === EOS,
  hiding: null,
  written: { bos_token: null, eos_token: '</s>', pad_token: null, unk_token: null },
  decode: (ids) => String.fromCodePoint(...ids),
  eosId: EOS,
  padId: 0,
  bosId: null,
  unkId: null,
  size: 0x110000,
};
const task: Task = {
  name: 'own',
  kind: 'TC',
  instruction: 'Which?\n',
  labels: ['a', 'bb'],
  train: [],
  dev: [],
  test: [],
};
const frame = characters.encode(promptOf(task, '')).length + 1;
const textOf = (ids: readonly number[]): string => characters.decode(ids.slice(0, -1));
const around = (sentence: string): string => textOf([...characters.encode(promptOf(task, sentence)), EOS]);

describe('fitPrompt', () => {
  it('returns the ids of the whole prompt if it fits exactly', async () => {
    const fitted = await fitPrompt(promptingOf(characters), task, 'one two', frame + 6);
    expect(fitted.cut).toBe(false);
    expect(fitted.ids).toEqual([...characters.encode(promptOf(task, 'one two')), EOS]);
  });

  it('cuts after a word, and preserves white space inside the rest', async () => {
    for (const [room, left] of [
      [5, 'one'],
      [3, 'one'],
      [0, ''],
    ] as const) {
      const fitted = await fitPrompt(promptingOf(characters), task, 'one  two', frame + room);
      expect(fitted.cut).toBe(true);
      expect(textOf(fitted.ids)).toBe(around(left));
    }
  });

  it('cuts inside a word only if the first does not fit, never through a character', async () => {
    expect(textOf((await fitPrompt(promptingOf(characters), task, ' 😀😀😀 x', frame + 2)).ids)).toBe(around('😀😀'));
  });

  it('reads only the useful beginning of a long text', async () => {
    let read = 0;
    const encodePrompt = (text: string): number[] => {
      read += text.length;
      return characters.encodePrompt(text);
    };
    for (const text of ['one two '.repeat(200_000), 'x'.repeat(1_600_000)]) {
      read = 0;
      const { ids, cut } = await fitPrompt(promptingOf({ ...characters, encodePrompt }), task, text, frame + 30);
      expect([ids.length, cut]).toEqual([frame + 30, true]);
      expect(read).toBeLessThan(20_000);
    }
  });

  it('refuses a prompt that does not fit even without a sentence, naming the task and both lengths', async () => {
    const refused = (sentence: string) => fitPrompt(promptingOf(characters), task, sentence, frame - 1);
    for (const sentence of ['one two', '', ' ']) {
      await expect(refused(sentence)).rejects.toMatchObject({
        code: 'tasks/prompt-too-long',
        message: expect.stringMatching(new RegExp(`own.*${frame}.*${frame - 1}`)) as string,
      });
    }
  });

  it('always fits, preserves both ends, and drops as little as possible', async () => {
    const word = fc.string({ unit: fc.constantFrom('x', 'y', '😀'), minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 12 }), fc.nat(30), async (words, room) => {
        const { ids, cut } = await fitPrompt(promptingOf(characters), task, words.join(' '), frame + room);
        let left = 0;
        for (let used = 0; left < words.length; left++) {
          used += Array.from(words[left]).length;
          if (used > room) break;
        }
        const inside = left === 0 && words.length > 0 ? Array.from(words[0]).slice(0, room).join('') : '';
        expect(cut).toBe(left < words.length);
        expect(textOf(ids)).toBe(around(words.slice(0, left).join(' ') + inside));
        expect(ids.at(-1)).toBe(EOS);
      }),
    );
  });
});

describe('encodeExamples', () => {
  it('preserves the order and counts cut examples', async () => {
    const examples = ['one', 'one two', 'three'].map((sentence) => ({ sentence, label: 'bb' }));
    const { encoded, cut } = await encodeExamples(characters, task, examples, frame + 3);
    expect(encoded.map(({ source }) => textOf([...source]))).toEqual([around('one'), around('one'), around('thr')]);
    expect(encoded[1].label).toEqual([98, 98, EOS]);
    expect(cut).toBe(2);
  });
});

describe.each(referencesWith('tokenizers', 'golden/prompts.json'))('with the T5 tokenizer of $name', (reference) => {
  it('fits prompts into half their length and preserves instruction and "Answer:"', async () => {
    const folder = tokenizersOf(reference).find(({ form, hasBytes }) => form === 'closed' && !hasBytes)?.folder;
    const tokenizer = loadTokenizer(
      reference.json(`${folder}/tokenizer.json`),
      reference.json(`${folder}/tokenizer_config.json`),
    );
    const prompts =
      reference.json<{ task: string; dataset: string; sentence: string; labels_json: string[] }[]>(
        'golden/prompts.json',
      );
    for (const { task: kind, dataset: name, sentence, labels_json: labels } of prompts) {
      const real: Task = { ...task, kind, name, labels };
      const whole = [...tokenizer.encode(promptOf(real, sentence)), tokenizer.eosId];
      expect(await fitPrompt(promptingOf(tokenizer), real, sentence, whole.length)).toEqual({ ids: whole, cut: false });
      const { before, after } = promptFrame(real);
      const [head, tail] = [tokenizer.encode(before), [...tokenizer.encode(after), tokenizer.eosId]];
      const room = head.length + tail.length + Math.ceil((whole.length - head.length - tail.length) / 2);
      const { ids, cut } = await fitPrompt(promptingOf(tokenizer), real, sentence, room);
      expect(cut).toBe(true);
      expect(ids.length).toBeLessThanOrEqual(room);
      expect(ids.slice(0, head.length)).toEqual(head);
      expect(ids.slice(-tail.length)).toEqual(tail);
      // Words are tokenised one by one, so the rest is a beginning of the whole.
      expect(ids.slice(0, -tail.length)).toEqual(whole.slice(0, ids.length - tail.length));
    }
  });
});
