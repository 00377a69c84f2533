import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson, type StrictJson } from './strict-json.ts';

/** The value that JSON.parse would return; integers beyond 2⁵³ lose digits. */
function plain(value: StrictJson): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => [key, plain(item)] as const);
    return Object.fromEntries(entries);
  }
  return value;
}

const accepts = (text: string): boolean => {
  try {
    parseStrictJson(text);
    return true;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SyntaxError);
    return false;
  }
};

describe('parseStrictJson', () => {
  it('agrees with JSON.parse on any JSON text, spaced or not', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 1, '\t'), (json, space) => {
        const text = JSON.stringify(JSON.parse(json), null, space);
        expect(JSON.stringify(plain(parseStrictJson(text)))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 300 },
    );
  });

  it('refuses what JSON.parse refuses', () => {
    const character = fc.constantFrom(...'{}[]",:\\ntfu0123.-+eE \n\u0001');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          expect(accepts(text)).toBe(false);
          return;
        }
        // Leading white space and repeated keys are refused on purpose.
        if (accepts(text)) expect(JSON.stringify(plain(parseStrictJson(text)))).toBe(JSON.stringify(value));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['{"a":1,"a":1}', '{"a":{"b":1,"\\u0062":2}}', '{"__proto__":1,"__proto__":2}'])(
    'refuses the repeated key of %s',
    (text) => {
      expect(() => parseStrictJson(text)).toThrowError(/given twice/);
    },
  );

  it('preserves every key and every digit', () => {
    const value = parseStrictJson(
      '{"__proto__":[18446744073709551615,-9007199254740993],"constructor":"\\ud83d\\ude00"}',
    );
    expect(value).toEqual(
      new Map<string, StrictJson>([
        ['__proto__', [18446744073709551615n, -9007199254740993n]],
        ['constructor', '😀'],
      ]),
    );
    expect([parseStrictJson('1.0'), parseStrictJson('1e2'), parseStrictJson('-0')]).toEqual([1, 100, -0]);
  });

  it.each([
    ['leading space', ' {}'],
    ['a comment', '{}//'],
    ['a trailing comma', '{"a":1,}'],
    ['half a surrogate pair', '"\\ud83d"'],
    ['a raw line break in a string', '"a\nb"'],
    ['an unclosed string', '"a\\'],
    ['an unclosed object', '{"a":'],
    ['nothing', ''],
    ['deep nesting', '['.repeat(100_000)],
    ['a number of a million digits', '1'.repeat(1_000_000)],
    ['too many values', `[${'0,'.repeat(2_100_000)}0]`],
  ])('refuses %s', (_, text) => {
    expect(accepts(text)).toBe(false);
  });
});
