import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasShared, sharedPath } from '../testing/shared.ts';
import { porterStem } from './porter.ts';

describe('porterStem', () => {
  it.skipIf(!hasShared)('gives the reference stems', () => {
    const stems = JSON.parse(readFileSync(sharedPath('golden', 'metrics', 'stems.json'), 'utf8')) as Record<
      string,
      string
    >;
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

  it('never throws and never makes a word longer than by one letter', () => {
    const word = fc.string({ unit: fc.constantFrom(...'aeiouybdglnrstz0'), maxLength: 14 });
    fc.assert(
      fc.property(word, (text) => porterStem(text).length <= text.length + 1),
      { numRuns: 2000 },
    );
  });
});
