import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { referencesWith } from '../testing/reference.ts';
import { porterStem } from './porter.ts';

describe('porterStem', () => {
  const STEMS = 'golden/metrics/stems.json';

  it.each(referencesWith(STEMS))('gives the stems of $name', (reference) => {
    const stems = reference.json<Record<string, string>>(STEMS);
    const words = Object.keys(stems);
    expect(words.length).toBeGreaterThan(0);
    expect(Object.fromEntries(words.map((word) => [word, porterStem(word)]))).toEqual(stems);
  });

  // Worked by hand from the rules.
  it.each([
    ['dies', 'die'],
    ['flies', 'fli'],
    ['died', 'die'],
    ['spied', 'spi'],
    ['enjoy', 'enjoy'],
    ['happy', 'happi'],
    ['rationally', 'ration'],
    ['geology', 'geolog'],
    ['using', 'use'],
    ['hoping', 'hope'],
    ['snowing', 'snow'],
    ['controlling', 'control'],
    ['adoption', 'adopt'],
    ['by', 'by'],
    ['bed', 'bed'],
    ['skies', 'sky'],
    ['', ''],
    ['20th', '20th'],
  ])('%s → %s', (word, stem) => {
    expect(porterStem(word)).toBe(stem);
  });

  it('never throws and never adds more than one letter', () => {
    const word = fc.string({ unit: fc.constantFrom(...'aeiouybdglnrstz0'), maxLength: 14 });
    fc.assert(
      fc.property(word, (text) => porterStem(text).length <= text.length + 1),
      { numRuns: 2000 },
    );
  });
});
