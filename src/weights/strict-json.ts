/**
 * A JSON reader for untrusted files. Unlike `JSON.parse`, it returns objects as Maps (so `__proto__` is a key like any
 * other) and integers as BigInts (so none is rounded), refuses repeated keys, and limits depth and number of values.
 */
export type StrictJson = null | boolean | number | bigint | string | StrictJson[] | StrictJsonObject;
export type StrictJsonObject = Map<string, StrictJson>;

const MAX_DEPTH = 32;
/** Bounds the memory that a text can take. */
const MAX_VALUES = 2_000_000;
/** Longest number, in characters. Every double and every 64-bit integer is shorter; BigInt takes quadratic time. */
const MAX_NUMBER_LENGTH = 64;

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
// "-0" becomes a double: no file format has it as an integer.
const INTEGER = /^(?:0|-?[1-9]\d*)$/;
const NUMBER_CHARACTERS = '+-.0123456789eE';
const SPACE_CHARACTERS = ' \t\n\r';
/** Half a surrogate pair has no UTF-8 form, so no other program can have written such a name. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Reads one JSON value. White space may follow it but not precede it.
 *
 * @throws SyntaxError with the position in characters from the start.
 */
export function parseStrictJson(text: string): StrictJson {
  let at = 0;
  let values = 0;

  const error = (problem: string, place = at): SyntaxError => new SyntaxError(`${problem} at character ${place}`);
  const skipSpace = (): void => {
    while (at < text.length && SPACE_CHARACTERS.includes(text[at])) at++;
  };
  const expect = (token: string): void => {
    if (!text.startsWith(token, at)) throw error(`${token} is missing`);
    at += token.length;
  };

  const readString = (): string => {
    const begin = at;
    expect('"');
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    expect('"');
    // JSON.parse handles escapes and refuses control characters; for quoted text it returns a string or throws.
    let value: string;
    try {
      value = JSON.parse(text.slice(begin, at)) as string;
    } catch {
      throw error('a string with a bad escape or control character', begin);
    }
    if (LONE_SURROGATE.test(value)) throw error('a string with half a surrogate pair', begin);
    return value;
  };

  const readNumber = (): number | bigint => {
    const begin = at;
    while (at < text.length && NUMBER_CHARACTERS.includes(text[at])) at++;
    if (at - begin > MAX_NUMBER_LENGTH) throw error('a number of too many digits', begin);
    const digits = text.slice(begin, at);
    if (!NUMBER.test(digits)) throw error('no JSON value', begin);
    return INTEGER.test(digits) ? BigInt(digits) : Number(digits);
  };

  const readArray = (depth: number): StrictJson[] => {
    const items: StrictJson[] = [];
    expect('[');
    skipSpace();
    while (text[at] !== ']') {
      if (items.length > 0) {
        expect(',');
        skipSpace();
      }
      items.push(readValue(depth));
      skipSpace();
    }
    at++;
    return items;
  };

  const readObject = (depth: number): StrictJsonObject => {
    const entries: StrictJsonObject = new Map();
    expect('{');
    skipSpace();
    while (text[at] !== '}') {
      if (entries.size > 0) {
        expect(',');
        skipSpace();
      }
      const key = readString();
      if (entries.has(key)) throw error(`the key ${JSON.stringify(key.slice(0, 100))} is given twice`);
      skipSpace();
      expect(':');
      skipSpace();
      entries.set(key, readValue(depth));
      skipSpace();
    }
    at++;
    return entries;
  };

  const readWord = <T>(word: string, value: T): T => {
    expect(word);
    return value;
  };

  const readValue = (depth: number): StrictJson => {
    if (depth === MAX_DEPTH) throw error('nested too deeply');
    if (++values > MAX_VALUES) throw error('too many values');
    switch (text[at]) {
      case '{':
        return readObject(depth + 1);
      case '[':
        return readArray(depth + 1);
      case '"':
        return readString();
      case 't':
        return readWord('true', true);
      case 'f':
        return readWord('false', false);
      case 'n':
        return readWord('null', null);
      default:
        return readNumber();
    }
  };

  const value = readValue(0);
  skipSpace();
  if (at < text.length) throw error('more text after the value');
  return value;
}
