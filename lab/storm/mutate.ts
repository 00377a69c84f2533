import { between, oneOf } from './storm.ts';

/** A kind of file: valid examples, and the function that reads them. */
export interface Kind {
  readonly name: string;
  readonly sound: readonly Uint8Array[];
  readonly isJson: boolean;
  readonly use: (bytes: Uint8Array<ArrayBuffer>) => unknown;
}

export const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const PIECES = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\u0000', '\\ud800', '-', '1e999', '-1', '0', '99999999999999999999', 'null'],
  ...['true', '\n', '\r', '\t', ';', "'", '""', '\u0000', '\ufeff', '\u2028', '__proto__', '[[[[[[[[', '{"a":'],
];
const VALUES: readonly unknown[] = [
  ...[null, true, -1, 0, 0.5, 1, 2 ** 31, 2 ** 53, 1e308, '', 'a', 'NaN', '\ud800', [], {}, [[]], [null], { a: {} }],
];

/** A copy, since it may be changed in turn. */
const value = (random: () => number): unknown => structuredClone(oneOf(random, VALUES));

/** The bytes of a file, with some of them changed, removed, doubled or inserted. */
export function mutateBytes(random: () => number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let changed = bytes.slice();
  for (let edits = between(random, 1, 5); edits > 0 && changed.length > 0; edits--) {
    const at = between(random, 0, changed.length);
    const end = Math.min(changed.length, at + between(random, 1, 40));
    const [before, part, after] = [changed.subarray(0, at), changed.subarray(at, end), changed.subarray(end)];
    const put = new TextEncoder().encode(oneOf(random, PIECES));
    switch (between(random, 0, 6)) {
      case 0:
        changed[at] = between(random, 0, 256);
        break;
      case 1:
        changed = joined(before, after);
        break;
      case 2:
        changed = joined(before, part, part, after);
        break;
      case 3:
        changed = joined(before, put, part, after);
        break;
      case 4:
        changed = joined(before, put, after);
        break;
      default:
        changed = changed.slice(0, at);
    }
  }
  return changed;
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A JSON value, with some of the values in it replaced, removed or doubled. */
export function mutateJson(random: () => number, json: unknown): unknown {
  const copy: unknown = structuredClone(json);
  for (let edits = between(random, 1, 4); edits > 0; edits--) {
    const holder = descend(random, copy);
    if (holder === null) return value(random);
    const keys = Object.keys(holder);
    const key = keys.length === 0 ? 'a' : oneOf(random, keys);
    switch (between(random, 0, 4)) {
      case 0:
        delete holder[key];
        break;
      case 1:
        holder[`${key}_`] = structuredClone(holder[key]);
        break;
      default:
        holder[key] = typeof holder[key] === 'number' && random() < 0.5 ? 1e6 * holder[key] : value(random);
    }
  }
  return copy;
}

/** An object or a list somewhere in a value. */
function descend(random: () => number, value: unknown): Record<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  const holder = value as Record<string, unknown>;
  const within = Object.values(holder).filter((one) => typeof one === 'object' && one !== null);
  return within.length === 0 || random() < 0.4 ? holder : descend(random, oneOf(random, within));
}
