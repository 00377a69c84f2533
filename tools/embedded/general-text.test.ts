import { beforeAll, describe, expect, it } from 'vitest';
import { GENERAL_PROMPTS } from '../../src/tasks/general-prompts.ts';
import { GENERAL_TEXT } from '../../src/tasks/general-text.ts';
import { readEmbeddedTasks } from './sources.ts';
import { sharedWords } from './split.ts';
import { emojiText } from './tasks.ts';

let read: ReturnType<typeof readEmbeddedTasks>;
beforeAll(() => {
  read = readEmbeddedTasks();
}, 180_000);

const isEnglish = (text: string): boolean => /\b(the|and)\b/.test(text);

describe('the general text', () => {
  it('is forty passages in English, and every sixth in another language', () => {
    expect(GENERAL_TEXT).toHaveLength(48);
    expect(GENERAL_TEXT.flatMap((text, i) => (isEnglish(text) ? [] : [i]))).toEqual([5, 11, 17, 23, 29, 35, 41, 47]);
    expect(new Set(GENERAL_TEXT).size).toBe(48);
  });

  it('shares no six words in a row with what a method may protect, nor with what the embedded models have read', () => {
    const shared = sharedWords(GENERAL_TEXT);
    const prompts = GENERAL_PROMPTS.train.flatMap(({ sentence, label }) => [sentence, label]);
    const synsets = [...read.wordnet.synsets.values()].flatMap(({ definition, examples }) => [definition, ...examples]);
    const items = read.tasks.flatMap(({ train, test }) => [...train, ...test].map(({ sentence }) => sentence));
    const texts = [...prompts, ...synsets, ...items, ...read.emoji.map(emojiText)];
    expect(texts.length).toBeGreaterThan(150_000);
    expect(texts.flatMap((text) => shared(text) ?? [])).toEqual([]);
    // In scripts without spaces, no eight letters in a row.
    const dense = (text: string): string[] =>
      (text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu) ?? []).flatMap((run) =>
        Array.from({ length: Math.max(0, run.length - 7) }, (_, i) => run.slice(i, i + 8)),
      );
    const runs = new Set(GENERAL_TEXT.flatMap(dense));
    expect(runs.size).toBeGreaterThan(100);
    expect(prompts.flatMap(dense).filter((run) => runs.has(run))).toEqual([]);
  });

  it('would be found if it were there', () => {
    const shared = sharedWords(GENERAL_TEXT);
    expect(shared(`They said: ${GENERAL_TEXT[3].slice(0, 60)}.`)).toBe('honeybees do not sleep through the');
    expect(shared('A text about honeybees that do not sleep through winter.')).toBeUndefined();
  });
});
