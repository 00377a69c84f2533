import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTask } from '../../src/tasks/benchmark.ts';
import { EMBEDDED_KINDS } from '../../src/tasks/orders.ts';
import { benchmarkFiles } from './layout.ts';
import { readEmbeddedTasks, readFurtherTasks, WITHHELD } from './sources.ts';
import {
  fingerprint,
  type Item,
  normalised,
  splitTasks,
  type SplitTask,
  type TaskSource,
  textFinder,
} from './split.ts';
import type { WordNet } from './wordnet.ts';

const item = (label: string, sentence: string, core = sentence): Item => ({ label, sentence, core });
const source = (name: string, items: Item[], trainSize: number, testSize: number): TaskSource => {
  return { name, kind: 'TC', instruction: 'Which?', labels: ['a', 'b'], items, trainSize, testSize };
};
const cores = (items: Item[]): string[] => items.map(({ core }) => normalised(core));
const countOf = (items: readonly { label: string }[], label: string): number =>
  items.filter((one) => one.label === label).length;

describe('textFinder', () => {
  it('finds whole texts of four words or more, at the start, inside, at the end and alone', () => {
    const holds = textFinder(['one two three four', 'one two three', 'one two three four five six']);
    for (const text of [
      'one two three four',
      'x one two three four',
      'one two three four x',
      'one one two three four x',
    ]) {
      expect(holds(text)).toBe(true);
    }
    for (const text of ['', 'one two three', 'one two three fourth', 'one two three x four', 'none two three four']) {
      expect(holds(text)).toBe(false);
    }
  });

  it('agrees with a search for each text', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'aa'), { maxLength: 9 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (texts, whole) => {
        const long = texts.filter((one) => one.split(' ').length >= 4);
        expect(textFinder(texts)(whole)).toBe(long.some((one) => ` ${whole} `.includes(` ${one} `)));
      }),
    );
  });
});

describe('splitTasks', () => {
  const many = (label: string, from: number, count: number): Item[] =>
    Array.from({ length: count }, (_, i) => item(label, `the text number ${from + i} ends`));

  it('draws balanced sets of the sizes asked for, the same for the same seed', () => {
    const sources = [source('one', [...many('a', 0, 40), ...many('b', 100, 40)], 30, 10)];
    const [split] = splitTasks(sources, 3);
    for (const [items, each] of [
      [split.train, 15],
      [split.test, 5],
    ] as const) {
      expect(['a', 'b'].map((label) => countOf(items, label))).toEqual([each, each]);
    }
    expect(splitTasks(sources, 3)).toEqual(splitTasks(sources, 3));
    expect(splitTasks(sources, 4)).not.toEqual(splitTasks(sources, 3));
  });

  it('keeps test texts of one task out of the training set of every other, whatever their case and punctuation', () => {
    const shouted = many('b', 0, 30).map((one) =>
      item('b', `Word: ${one.core.toUpperCase()}!`, `${one.core.toUpperCase()}!`),
    );
    const [first, second] = splitTasks(
      [
        source('one', [...many('a', 0, 30), ...many('b', 100, 30)], 20, 20),
        source('two', [...shouted, ...many('a', 100, 30)], 20, 20),
      ],
      3,
    );
    const tests = new Set([...cores(first.test), ...cores(second.test)]);
    for (const core of [...cores(first.train), ...cores(second.train)]) expect(tests.has(core)).toBe(false);
    expect(first.train.length).toBeGreaterThan(0);
    expect(second.train.length).toBeGreaterThan(0);
  });

  it('keeps out training texts that hold a test text', () => {
    const held = item('a', 'a commissioned military officer');
    const longer = item(
      'b',
      'major: a commissioned military officer below colonel',
      'a commissioned military officer below colonel',
    );
    const [one, two] = splitTasks([source('one', [held], 0, 2), source('two', [longer, ...many('b', 0, 3)], 8, 0)], 1);
    expect(one.test).toEqual([held]);
    expect(two.train).toHaveLength(3);
    expect(two.train).not.toContainEqual(longer);
  });

  it('puts withheld items in no set and leaves every other item where it was', () => {
    const sources = [
      source('one', [...many('a', 0, 40), ...many('b', 100, 40)], 30, 10),
      source('two', [...many('a', 200, 40), ...many('b', 0, 40)], 30, 10),
    ];
    const whole = splitTasks(sources, 3);
    const tested = whole[0].test[3];
    const trained = whole[1].train[2];
    const split = splitTasks(sources, 3, new Set([tested, trained].map(({ core }) => fingerprint(core.toUpperCase()))));
    expect(split[0].test).toEqual(whole[0].test.filter((one) => one !== tested));
    expect(split[0].train).toEqual(whole[0].train);
    expect(split[1].test).toEqual(whole[1].test);
    const all = split.flatMap(({ train, test }) => cores([...train, ...test]));
    for (const { core } of [tested, trained]) expect(all).not.toContain(normalised(core));
  });

  it('takes a text that is listed twice only once', () => {
    const [split] = splitTasks(
      [source('one', [item('a', 'Same text.'), item('b', 'same TEXT'), item('b', 'other')], 4, 0)],
      1,
    );
    expect(cores(split.train).sort()).toEqual(['other', 'same text']);
  });
});

describe('the embedded tasks', () => {
  let first: SplitTask[] = [];
  let tasks: SplitTask[] = [];
  let wordnet: WordNet;
  beforeAll(() => {
    ({ tasks: first, wordnet } = readEmbeddedTasks());
    tasks = [...first, ...readFurtherTasks(first, wordnet)];
  });

  it('are those that the orders name', () => {
    expect(Object.fromEntries(tasks.map(({ name, kind }) => [name, kind]))).toEqual(EMBEDDED_KINDS);
  });

  it('load as CL_Benchmark does, every row with a listed label', async () => {
    const files = benchmarkFiles(tasks);
    const read = (path: string): Promise<string> => {
      const text = files.get(path);
      return text === undefined ? Promise.reject(new Error(`no file ${path}`)) : Promise.resolve(text);
    };
    for (const split of tasks) {
      const { task, leftOut } = await loadTask(read, split.kind, split.name);
      expect(leftOut).toEqual([]);
      expect(task).toMatchObject({ labels: split.labels, instruction: `${split.instruction}\n`, dev: [] });
      expect([task.train.length, task.test.length]).toEqual([split.train.length, split.test.length]);
    }
  });

  it('are balanced: tests but for withheld items, training sets unless the source has no more of a label', () => {
    for (const { name, labels, train, test, trainSize, testSize, items } of tasks) {
      for (const label of labels) {
        const tested = Math.floor(testSize / labels.length);
        expect(countOf(test, label), `${name} ${label}`).toBeLessThanOrEqual(tested);
        expect(countOf(test, label), `${name} ${label}`).toBeGreaterThanOrEqual(tested - 3);
        const share = Math.floor(trainSize / labels.length);
        const lacking = countOf(train, label) < share;
        expect(countOf(train, label), `${name} ${label}`).toBeLessThanOrEqual(share);
        // If a label falls short, its other texts are in a test set, repeated, or contain a test text: a few at most.
        if (lacking) expect(countOf(items, label) - tested - share).toBeLessThan(share / 10);
      }
    }
  });

  it('train on no test text of any task', () => {
    const tests = tasks.flatMap(({ test }) => test);
    const texts = new Set(tests.flatMap(({ core, sentence }) => [normalised(core), normalised(sentence)]));
    // Searches one string, unlike the split.
    const trained = tasks.flatMap(({ train }) =>
      train.flatMap((one) => [normalised(one.core), normalised(one.sentence)]),
    );
    const whole = ` ${trained.join(' \n ')} `;
    expect(texts.size).toBeGreaterThan(tests.length / 2);
    expect(Array.from(texts).filter((text) => text.split(' ').length > 3 && whole.includes(` ${text} `))).toEqual([]);
    const sentences = new Set(trained);
    expect(Array.from(texts).filter((text) => sentences.has(text))).toEqual([]);
  });

  it('hold no withheld item, and are otherwise as if none were withheld', () => {
    const { tasks: whole } = readEmbeddedTasks(new Set(), wordnet);
    const dropped = (items: Item[]): Item[] => items.filter(({ core }) => !WITHHELD.has(fingerprint(core)));
    for (const [i, { name, train, test }] of first.entries()) {
      expect(dropped([...train, ...test]), name).toHaveLength(train.length + test.length);
      expect(train, name).toEqual(whole[i].train);
      expect(test, name).toEqual(dropped(whole[i].test));
    }
    // A fingerprint of no test item would be a mistake in the list.
    const known = new Set(whole.flatMap(({ test }) => test.map(({ core }) => fingerprint(core))));
    expect(Array.from(WITHHELD).filter((one) => !known.has(one))).toEqual([]);
  });
});
