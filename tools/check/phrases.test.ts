import { describe, expect, it } from 'vitest';
import { findPhrases } from './phrases.ts';

const phrasesOf = (text: string, path = 'src/a.ts'): string[] => findPhrases(path, text).map(({ phrase }) => phrase);

describe('findPhrases', () => {
  it('names the line, the phrase and what to say instead', () => {
    expect(findPhrases('src/a.ts', '// one\n// The run goes on from its last step.\n')).toEqual([
      { line: 2, phrase: 'goes on from', say: '"resumes from"' },
    ]);
  });

  it('finds several phrases in the order of their lines', () => {
    expect(phrasesOf('It is drawn anew.\nIt is passed over.\nA download is broken off, as the hub has it.\n')).toEqual([
      'anew',
      'passed over',
      'broken off',
      'as the hub has it',
    ]);
  });

  it.each([
    ['a block comment', '/**\n * The file cannot\n * be had.\n */'],
    ['line comments', '  // The file cannot\n  // be had.'],
    ['a Python comment', '# The file cannot\n# be had.'],
    ['a docstring', '"""The file cannot\n    be had."""'],
  ])('finds a phrase that is wrapped in %s', (_, text) => {
    expect(phrasesOf(text)).toEqual(['cannot be had']);
  });

  it.each([
    ['names in code', 'const anew = heed(anew, again);\nreturn anew;\nawait this.#heed();'],
    ['passes over data', 'It makes two passes over the examples.'],
    ['a missing thing', 'null if there is none'],
    ['repeated words', 'each counted as often as it occurs'],
    ['a new thing', 'a new file'],
  ])('allows %s', (_, text) => {
    expect(phrasesOf(text)).toEqual([]);
  });

  it.each(['/** What a run reads. */', '/**\n   * The same, with gates.\n   */'])(
    'refuses a docstring that cannot be read on hover: %s',
    (text) => expect(phrasesOf(text)).toHaveLength(1),
  );

  it('allows the words elsewhere', () => {
    expect(phrasesOf('/** Returns the files. What they hold is JSON. */\n// What follows is short.')).toEqual([]);
  });

  it('allows what CONTRIBUTING.md quotes, and nothing else there', () => {
    const text = 'Say "resume from", not "go on from", when you go on from here.';
    expect(phrasesOf(text, 'CONTRIBUTING.md')).toEqual(['go on from']);
    expect(phrasesOf(text, 'docs/a.md')).toHaveLength(2);
  });

  it('skips its own files', () => {
    expect(phrasesOf('It starts anew.', 'tools/check/phrases.ts')).toEqual([]);
    expect(phrasesOf('It starts anew.', 'tools/check/phrases.test.ts')).toEqual([]);
  });
});
