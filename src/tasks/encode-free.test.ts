import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { tinyModel } from '../testing/tiny-model.ts';
import type { ChatTurn } from '../text/chat-turn.ts';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { encodeFree, fitTurns } from './encode-free.ts';
import { encodeExamples, promptingOf } from './fit.ts';
import type { Task } from './task.ts';

/** One token a character. */
const written = (turns: readonly ChatTurn[]): number[] =>
  Array.from(turns.map(({ content }) => `<${content}>`).join(''), (character) => character.codePointAt(0) ?? 0);
const tokenizer: Tokenizer = { ...loadTokenizer(tinyModel().tokenizer, {}), encodeTurns: written };
const say = (texts: readonly string[]): ChatTurn[] =>
  texts.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));

test('turns are written by the model’s template, or in plain lines for a run without one', () => {
  const turns: ChatTurn[] = [
    { role: 'system', content: 'be' },
    { role: 'user', content: 'red\nball' },
    { role: 'assistant', content: 'yes' },
    { role: 'user', content: 'blue' },
  ];
  expect(promptingOf(tokenizer).ofTurns(turns).ids).toEqual(written(turns));
  const plain = loadTokenizer(tinyModel().tokenizer, {});
  const lines = 'System: be\nUser: red\nball\nAssistant: yes\nUser: blue\nAssistant:';
  expect(promptingOf(plain).ofTurns(turns).ids).toEqual(plain.encodePrompt(lines));
});

describe('turns that fit', () => {
  it('are the last ones, and as many as possible, with the system’s', async () => {
    const text = fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 1, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 23 }),
        fc.integer({ min: 20, max: 90 }),
        async (texts, room) => {
          const turns = say(texts.length % 2 === 1 ? texts : texts.slice(1));
          const system: ChatTurn = { role: 'system', content: 'be' };
          let from = 0;
          while (written([system, ...turns.slice(from)]).length > room) from += 2;
          const { ids, cut } = await fitTurns(promptingOf(tokenizer), 'talk', [system, ...turns], room);
          expect(ids).toEqual(written([system, ...turns.slice(from)]));
          expect(cut).toBe(from > 0);
        },
      ),
    );
  });

  it('are found without reading a long conversation whole, again and again', async () => {
    let read = 0;
    const counting = {
      ...tokenizer,
      encodeTurns: (turns: readonly ChatTurn[]) => {
        const ids = written(turns);
        read += ids.length;
        return ids;
      },
    };
    const turns = say(Array.from({ length: 20_001 }, (_, i) => `turn ${i}`));
    const { ids, cut } = await fitTurns(promptingOf(counting), 'talk', turns, 200);
    expect([ids.length <= 200, ids.length > 150, cut]).toEqual([true, true, true]);
    expect(read).toBeLessThan(5000);
  });

  it('are cut within the last, if that is too long, even by megabytes', async () => {
    const { ids, cut } = await fitTurns(promptingOf(tokenizer), 'talk', say(['word '.repeat(1_000_000)]), 100);
    expect([ids.length <= 100, cut]).toEqual([true, true]);
  });
});

const task: Task = {
  name: 'own',
  kind: 'TC',
  instruction: 'Which?\n',
  labels: ['a', 'b'],
  train: [],
  dev: [],
  test: [],
};

test('a prompt that takes long to tokenise can be stopped within, as by Ctrl-C during a chat template that runs long', async () => {
  const encodePrompt = (text: string): number[] => {
    const until = performance.now() + 60;
    while (performance.now() < until); // as a template that runs for most of its second
    return Array.from(text, () => 1);
  };
  const slow = { ...tokenizer, encodePrompt };
  const stop = new Error('stopped');
  const examples = [{ sentence: 'red '.repeat(3000), label: 'a' }];
  const begun = performance.now();
  await expect(encodeExamples(slow, task, examples, 400, () => Promise.reject(stop))).rejects.toBe(stop);
  const lengths = { sourceLength: 400, answerLength: 8 };
  const free = { ...task, labels: [], form: 'free' as const };
  await expect(encodeFree(slow, free, examples, lengths, () => Promise.reject(stop))).rejects.toBe(stop);
  expect(performance.now() - begun, 'a bisection takes ten times as long').toBeLessThan(500);
});
