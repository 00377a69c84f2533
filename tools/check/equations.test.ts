import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../setup/process.ts';

const textOf = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

/** Numbers of equations that a text names as `eq. (3)`. */
const cited = (text: string): number[] => [...text.matchAll(/\beq\. \((\d+)\)/g)].map(([, number]) => Number(number));

/** Every equation that the source cites. */
const inSource = new Set(
  readdirSync(join(projectRoot, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.test.ts'))
    .flatMap((path) => cited(textOf(join('src', path)))),
);

test('the source cites every equation of docs/method.md, and no other', () => {
  // An equation is a line that ends in its number, after white space.
  // A new one takes the next number wherever it stands, so that citations of others stay true.
  const stated = [...textOf('docs/method.md').matchAll(/ {4,}\((\d+)\)$/gm)]
    .map(([, number]) => Number(number))
    .sort((a, b) => a - b);
  expect(stated).toEqual(stated.map((_, i) => i + 1));
  expect(stated.length).toBeGreaterThan(20);
  expect([...inSource].sort((a, b) => a - b)).toEqual(stated);
});
