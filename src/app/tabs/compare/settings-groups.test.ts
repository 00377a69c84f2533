import { describe, expect, it } from 'vitest';
import type { Results } from '../../../run/results/results.ts';
import { quickResults } from '../../../testing/scripted-results.ts';
import { differencesOf, groupsOf, seedRanges } from './settings-groups.ts';

describe('groupsOf', () => {
  it('groups runs that differ only in the seed, sorted by seed, whatever the order of their settings', () => {
    const one = quickResults('gorp', 2);
    const { training, ...others } = quickResults('gorp', 1).settings;
    const groups = groupsOf([
      one,
      { ...quickResults('gorp', 1), settings: { training, ...others } },
      quickResults('seq-lora', 1),
    ]);
    expect(groups.map(({ name, runs }) => [name, runs.map(({ seed }) => seed)])).toEqual([
      ['gorp', [1, 2]],
      ['seq-lora', [1]],
    ]);
  });

  it('names only the settings that differ between groups of one method', () => {
    const wide = quickResults('gorp', 1);
    wide.settings = { ...wide.settings, method: { ...wide.settings.method, loraRank: 32 } };
    const names = groupsOf([quickResults('gorp', 1), wide, quickResults('seq-lora', 1)]).map(({ name }) => name);
    expect(names).toEqual(['gorp · loraRank 16', 'gorp · loraRank 32', 'seq-lora']);
  });

  it('groups no runs of other weights or other texts of a task, and names what differs', () => {
    const [one, weights, texts, files] = [1, 2, 3, 4].map((seed) => quickResults('gorp', seed));
    weights.model = { ...weights.model, weights: 'a'.repeat(64) };
    texts.tasks = texts.tasks.map((task) => ({ ...task, texts: 'b'.repeat(64) }));
    expect(groupsOf([one, weights]).map(({ name }) => name)).toEqual([
      'gorp · weights not recorded',
      'gorp · weights aaaaaaaa',
    ]);
    expect(groupsOf([one, texts]).map(({ name }) => name)).toEqual([
      'gorp · texts of gloss not recorded · texts of field not recorded',
      'gorp · texts of gloss bbbbbbbb · texts of field bbbbbbbb',
    ]);
    one.model = { ...one.model, files: { 'tokenizer.json': 'c'.repeat(64) } };
    files.model = { ...one.model, files: { 'tokenizer.json': 'd'.repeat(64) } };
    expect(groupsOf([one, files]).map(({ name }) => name)).toEqual([
      'gorp · tokenizer.json cccccccc',
      'gorp · tokenizer.json dddddddd',
    ]);
    delete one.model.files;
    expect(differencesOf(groupsOf([one, weights, texts])).map(({ name }) => name)).toEqual([
      'Weights',
      'Texts of gloss',
      'Texts of field',
    ]);
  });

  it('knows a run by the key under which it is ticked, and writes seeds as ranges', () => {
    const all = [quickResults('gorp', 1), quickResults('gorp', 1)];
    const [{ runs }] = groupsOf(all, false, (one) => `file/${all.indexOf(one)}`);
    expect(runs.map(({ key, name }) => [key, name])).toEqual([
      ['file/0', 'gorp, seed 1, run 1'],
      ['file/1', 'gorp, seed 1, run 2'],
    ]);
    expect(seedRanges([8, 1, 3, 2, 1])).toBe('1–3, 8');
    expect(seedRanges([4, 5])).toBe('4, 5');
  });

  it('groups no runs whose tasks count by other scores', () => {
    const [exact, ranked] = [1, 2].map((seed) => quickResults('gorp', seed));
    ranked.tasks = ranked.tasks.map((task, j) => (j === 0 ? { ...task, score: 'ranked' } : task));
    expect(groupsOf([exact, ranked]).map(({ name }) => name)).toEqual([
      'gorp · main score of gloss exact',
      'gorp · main score of gloss ranked',
    ]);
    expect(differencesOf(groupsOf([exact, ranked]))).toEqual([
      { path: 'score.gloss', name: 'Main score of gloss', values: ['exact', 'ranked'] },
    ]);
  });

  it('names no texts that only other orders have', () => {
    const other = quickResults('gorp', 1);
    other.settings = { ...other.settings, order: ['emoji'] };
    other.tasks = [{ ...other.tasks[0], name: 'emoji' }];
    expect(groupsOf([quickResults('gorp', 1), other]).map(({ name }) => name)).toEqual([
      'gorp · order gloss, field',
      'gorp · order emoji',
    ]);
  });

  it('numbers runs with equal settings and seed', () => {
    const twice = [quickResults('gorp', 1), quickResults('gorp', 1, '2026-11-25T10:00:00.000Z')];
    const [{ runs }] = groupsOf(twice);
    expect(runs.map(({ name }) => name)).toEqual(['gorp, seed 1, run 1', 'gorp, seed 1, run 2']);
  });
});

describe('differencesOf', () => {
  it('lists the settings that differ by their names in the form, without the seed', () => {
    const longer = quickResults('gorp', 2);
    longer.settings = {
      ...longer.settings,
      order: ['field', 'gloss'],
      training: { ...longer.settings.training, epochs: 3 },
    };
    expect(differencesOf(groupsOf([quickResults('gorp', 1), longer]))).toEqual([
      { path: 'order', name: 'Order', values: ['gloss, field', 'field, gloss'] },
      { path: 'training.epochs', name: 'Epochs', values: ['2', '3'] },
    ]);
    expect(differencesOf(groupsOf([quickResults('gorp', 1), quickResults('gorp', 2)]))).toEqual([]);
  });

  it('leaves out settings that only some methods have, unless they differ among these', () => {
    const wide = quickResults('gorp', 1);
    wide.settings = { ...wide.settings, method: { ...wide.settings.method, loraRank: 32 } };
    const paths = (...all: Results[]): unknown =>
      differencesOf(groupsOf(all)).map(({ path, values }) => [path, values]);
    const [gorp, full] = [quickResults('gorp', 1), quickResults('seq-ft', 1)];
    expect(paths(gorp, full)).toEqual([['method.name', ['gorp', 'seq-ft']]]);
    expect(paths(gorp, wide, full)).toContainEqual(['method.loraRank', ['16', '32', null]]);
  });
});
