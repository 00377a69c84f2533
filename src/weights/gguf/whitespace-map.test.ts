import { expect, test } from 'vitest';
import { Charsmap } from '../../text/parts/normalizer.ts';
import { whitespaceMap } from './tokens.ts';

test('turns every white space into a space, and nothing else', () => {
  const map = Charsmap.read(whitespaceMap());
  const letters = Array.from({ length: 0x3100 }, (_, code) => String.fromCodePoint(code));
  const changed = letters.filter((letter) => map?.longest(`${letter}x`) !== `${letter}x`);
  expect(changed).toEqual(letters.filter((letter) => letter !== ' ' && /\p{White_Space}/u.test(letter)));
  expect(changed.map((letter) => map?.longest(`${letter}x`))).toEqual(changed.map(() => ' x'));
});
