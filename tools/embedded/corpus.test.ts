import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GENERAL_TEXT } from '../../src/tasks/general-text.ts';
import { writeCorpus } from './corpus.ts';
import type { Item, SplitTask } from './split.ts';
import type { Synset, WordNet } from './wordnet.ts';

const synset = (key: string, word: string, definition: string, examples: string[] = [], broader?: string): Synset => {
  const pointers = broader === undefined ? [] : [{ symbol: '@', key: broader }];
  return { key, pos: 'n', lexicographer: 'noun.person', words: [word], pointers, definition, examples };
};
const wordnetOf = (synsets: Synset[]): WordNet => {
  return { synsets: new Map(synsets.map((one) => [one.key, one])), senses: () => [] };
};
const taskOf = (test: Item[]): SplitTask => {
  return {
    name: 'one',
    kind: 'TC',
    instruction: '',
    labels: ['a'],
    items: test,
    trainSize: 0,
    testSize: 1,
    train: [],
    test,
  };
};
const test = (sentence: string, core = sentence): Item => ({ label: 'a', sentence, core });

describe('writeCorpus', () => {
  let folder = '';
  const write = (speech: string, synsets: Synset[], tests: Item[]): Map<string, number> => {
    for (const name of ['datasets-sotu', 'datasets-moby-dick']) {
      mkdirSync(join(folder, name, 'data'), { recursive: true });
    }
    writeFileSync(join(folder, 'datasets-sotu', 'data', '1800.txt'), speech);
    const emoji = [
      { label: 'scientist', tags: ['lab', 'coat', 'work'], subgroup: 0 },
      { label: 'woman scientist', tags: ['lab', 'coat', 'work'], subgroup: 0 },
      { label: 'cook', tags: ['kitchen'], subgroup: 0 },
    ];
    const sources = { wordnet: wordnetOf(synsets), emoji, emojiSubgroups: ['person-role'], stdlibFolder: folder };
    return writeCorpus(join(folder, 'corpus'), sources, [taskOf(tests)]);
  };
  const linesOf = (name: string): string[] =>
    readFileSync(join(folder, 'corpus', name), 'utf8')
      .split('\n')
      .filter(Boolean);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'corpus-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('stops at a line of the general text, by which runs measure what the models still know', () => {
    const [passage] = GENERAL_TEXT;
    const line = `${passage.split('. ')[0]}. That was all.`;
    expect(() => write(line, [], [test('a dog')])).toThrow(
      'general text is in the corpus, speeches.txt: the community garden behind the station',
    );
  });

  it('leaves out every line that holds a test text of four words, in whatever file, and no other', () => {
    const counts = write(
      'He gave them, in a Satisfactory manner, all. They went home in a satisfactory way.',
      [
        synset('n1', 'officer', 'a person in the armed services'),
        synset('n2', 'captain', 'a commissioned military officer', [], 'n1'),
        synset('n3', 'major', 'a commissioned military officer below a colonel', ['the major slept well'], 'n1'),
        synset('n4', 'private', 'a soldier of the lowest rank', ['he did it in a satisfactory manner'], 'n1'),
      ],
      [
        test('captain: a commissioned military officer', 'a commissioned military officer'),
        test('in a satisfactory manner'),
        test('scientist: lab coat work', 'scientist'),
      ],
    );
    expect(linesOf('definitions.txt')).toEqual([
      'officer: a person in the armed services',
      'private: a soldier of the lowest rank',
    ]);
    expect(linesOf('examples.txt')).toEqual(['the major slept well']);
    expect(linesOf('kind.tsv')).toEqual(['a soldier of the lowest rank\tofficer']);
    expect(linesOf('word.tsv')).toEqual([
      'a person in the armed services\tofficer',
      'a soldier of the lowest rank\tprivate',
    ]);
    expect(linesOf('emoji.tsv')).toEqual(['cook: kitchen\tperson role']);
    expect(linesOf('speeches.txt')).toEqual(['They went home in a satisfactory way.']);
    expect(counts.get('definitions.txt')).toBe(2);
  });

  it('finds a test text that begins in the text and ends in the answer', () => {
    write(
      '',
      [synset('n1', 'officer', 'one'), synset('n2', 'aide', 'the helper of an', [], 'n1')],
      [test('helper of an officer')],
    );
    expect(linesOf('kind.tsv')).toEqual([]);
    expect(linesOf('definitions.txt')).toContain('aide: the helper of an');
  });

  it('refuses a corpus with a short test sentence as a line', () => {
    expect(() => write('They all agreed. We stand here.', [], [test('They all agreed')])).toThrow(/speeches\.txt/);
  });
});
