import { describe, expect, test } from 'vitest';
import { GENERAL_PROMPTS } from '../../tasks/general-prompts.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { loadTokenizer } from '../../text/tokenizer.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import { protectedExamples, protectedSample } from './protected-examples.ts';

const examples = (count: number, id: number): EncodedExample[] =>
  Array.from({ length: count }, () => ({ source: [id, id], label: [id] }));

const ALL = GENERAL_PROMPTS.train.length;

describe('what a run protects', () => {
  test.each<['earlier' | 'general' | 'watched', number[]]>([
    ['earlier', []],
    ['general', [ALL]],
    ['watched', [ALL, 3]],
  ])('%s', async (protects, lengths) => {
    const settings = tinySettings('gorp-plus', { sourceLength: 40 }, { protects });
    const tasks = [{ protects: [] }, { protects: protects === 'watched' ? examples(3, 5) : [] }];
    const found = await protectedExamples(loadTokenizer(tinyModel().tokenizer, {}), settings, tasks);
    expect(found.map(({ length }) => length)).toEqual(lengths);
    for (const { source, label } of found.flat()) {
      expect(source.length).toBeLessThanOrEqual(40);
      expect(label.length).toBeLessThanOrEqual(settings.training.targetLength);
    }
  });

  test('is sampled alike from each source, whatever its size', () => {
    const sources = [examples(ALL, 1), examples(192, 2), examples(3, 3)];
    const samples = { begin: 0, end: 48, hasSeveralAnswers: false };
    const batches = protectedSample(sources, { batchSize: 8 }, samples);
    const ids = batches.flatMap((rows) => rows.map(({ source: [id] }) => id));
    expect([1, 2, 3].map((id) => ids.filter((one) => one === id).length)).toEqual([
      Math.ceil(ALL / 3),
      Math.ceil(ALL / 3),
      3,
    ]);
    const alone = protectedSample(sources.slice(0, 1), { batchSize: 8 }, samples);
    expect(alone.flat()).toHaveLength(ALL);
    expect(protectedSample([], { batchSize: 8 }, samples)).toEqual([]);
  });

  test('general prompts are all different, and each has an answer', () => {
    const { train } = GENERAL_PROMPTS;
    expect(new Set(train.map(({ sentence }) => sentence)).size).toBe(train.length);
    for (const { sentence, label } of train) {
      expect(sentence.trim()).toBe(sentence);
      expect(label.trim()).toBe(label);
      expect(label).not.toBe('');
    }
  });
});
