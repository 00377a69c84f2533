import { describe, expect, it } from 'vitest';
import { cutByLabel, onDevSet } from './cut.ts';
import { embeddedTask } from './orders.ts';
import type { Example, Task } from './task.ts';

const LABELS = ['a', 'b', 'c', 'd', 'e'];
const examples = (set: string, each: number): Example[] =>
  LABELS.flatMap((label) => Array.from({ length: each }, (_, i) => ({ sentence: `${set} ${label} ${i}`, label })));
const task: Task = {
  name: 'letters',
  kind: 'TC',
  instruction: 'Which?\n',
  labels: LABELS,
  train: examples('train', 20),
  dev: [],
  test: examples('test', 4),
};

describe('a task cut by label', () => {
  it('has its share of the labels and their examples, and the parts add up to the whole', () => {
    const parts = [1, 2].map((part) => cutByLabel(task, `letters-${part}of2`, { part, parts: 2 }));
    expect(parts.map(({ labels }) => labels.length).sort()).toEqual([2, 3]);
    expect(parts.flatMap(({ labels }) => labels)).toEqual(LABELS);
    expect(parts.flatMap(({ train }) => train)).toEqual(task.train);
    expect(parts.flatMap(({ test }) => test)).toEqual(task.test);
    for (const { labels, train } of parts) expect([...new Set(train.map(({ label }) => label))]).toEqual(labels);
  });

  it('is refused if a part has fewer than two labels', () => {
    expect(() => cutByLabel(task, 'letters-1of4', { part: 1, parts: 4 })).toThrow(/letters-1of4.*1 of the 5 labels/);
  });

  it('is identified by its name', () => {
    expect(embeddedTask('gloss')).toEqual({ source: 'gloss', kind: 'TC', cut: null });
    expect(embeddedTask('gloss-2of2')).toEqual({ source: 'gloss', kind: 'TC', cut: { part: 2, parts: 2 } });
    for (const name of ['gloss-3of2', 'gloss-0of2', 'yelp-1of2', 'other', 'toString']) {
      expect(embeddedTask(name), name).toBeNull();
    }
  });
});

describe('a task on its dev set', () => {
  it('trains on no example that it is tested on, and tests on no test example', () => {
    const onDev = onDevSet(task);
    expect(onDev.train.length + onDev.test.length).toBe(task.train.length);
    expect(onDev.train.filter((one) => onDev.test.includes(one))).toEqual([]);
    expect(onDev.test.filter((one) => task.test.includes(one))).toEqual([]);
    for (const label of LABELS) expect(onDev.test.filter((one) => one.label === label)).toHaveLength(4);
    expect(onDevSet(task)).toEqual(onDev);
  });

  it('neither trains on a text that it tests, however often the text occurs, nor on nothing', () => {
    const repeated = { ...task, train: [...task.train, ...task.train, ...task.train] };
    const { train, test } = onDevSet(repeated);
    const trained = new Set(train.map(({ sentence }) => sentence));
    expect(test.filter(({ sentence }) => trained.has(sentence))).toEqual([]);
    expect(train.length).toBeGreaterThan(repeated.train.length / 4);
    const few = onDevSet({ ...task, train: task.train.slice(0, 2) });
    expect([few.train.length, few.test.length]).toEqual([1, 1]);
    for (const train of [task.train.slice(0, 1), [task.train[0], task.train[0]], []]) {
      expect(() => onDevSet({ ...task, train })).toThrow(
        expect.objectContaining({ code: 'tasks/too-few-examples' }) as Error,
      );
    }
  });

  it('never tests a label that is not left to learn', () => {
    const train = [task.train[0], task.train[20]]; // one example of a, one of b
    expect(() => onDevSet({ ...task, train })).toThrow(/leave none with the label “[ab]” to learn from/);
  });

  it('uses its dev set if it has one', () => {
    const dev = examples('dev', 1);
    expect(onDevSet({ ...task, dev })).toEqual({ ...task, dev, test: dev });
  });
});
