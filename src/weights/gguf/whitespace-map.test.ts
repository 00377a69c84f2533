import { expect, test } from 'vitest';
import { whitespaceMap } from './whitespace-map.ts';

const bytes = whitespaceMap();
const view = new DataView(bytes.buffer);
const units = view.getUint32(0, true) / 4;

/** How many bytes of a text are replaced, and by what: as llama.cpp reads the map. */
function replaced(text: string): [number, string] {
  const unit = (index: number): number => {
    if (index >= units) throw new RangeError(`unit ${index} of ${units}`);
    return view.getUint32(4 + 4 * index, true);
  };
  let at = unit(0) >>> 10;
  let found: [number, string] = [0, ''];
  for (const [i, byte] of new TextEncoder().encode(text).entries()) {
    at ^= byte;
    const here = unit(at);
    if ((here & 0x800000ff) !== byte) break;
    at ^= here >>> 10;
    if ((here & 256) === 0) continue;
    const begin = 4 + 4 * units + (unit(at) & 0x7fffffff);
    found = [i + 1, new TextDecoder().decode(bytes.subarray(begin, bytes.indexOf(0, begin)))];
  }
  return found;
}

test('turns every white space into a space, and nothing else', () => {
  const others: number[] = [];
  for (let code = 1; code < 0x3100; code++) {
    const letter = String.fromCodePoint(code);
    const isSpace = code !== 0x20 && /\p{White_Space}/u.test(letter);
    const wanted = isSpace ? [new TextEncoder().encode(letter).length, ' '] : [0, ''];
    if (String(replaced(`${letter}x`)) !== String(wanted)) others.push(code);
  }
  expect(others).toEqual([]);
});
