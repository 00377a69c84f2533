import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { TERMS } from '../../src/app/ui/terms.tsx';
import { anchorOf, documentHtml } from '../docs/method-page.ts';
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

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'reference/README.md',
  'tools/golden/README.md',
  ...readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
];

/** The names of a document's headings in links, as code hosts make them. */
const anchorsOf = (text: string): string[] => [
  ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id),
  ...[...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => anchorOf(title)),
];

test('the links of the documents lead to files, and to headings that these have', () => {
  const links = DOCUMENTS.flatMap((from) =>
    [...textOf(from).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(([, path, anchor]) => ({
      from,
      to: path === '' ? from : join(dirname(from), path),
      anchor,
    })),
  );
  expect(links.length).toBeGreaterThan(200);
  const broken = links.filter(
    ({ to, anchor }) =>
      !existsSync(join(projectRoot, to)) ||
      (anchor !== undefined && to.endsWith('.md') && !anchorsOf(textOf(to)).includes(anchor)),
  );
  expect(broken).toEqual([]);
});

test('the glossary of the page leads to headings and equations of the method as it is shipped', () => {
  const html = documentHtml(textOf('docs/method.md'));
  for (const { title, docs } of Object.values(TERMS)) expect(html, title).toContain(` id="${docs}"`);
  expect(html).toContain('<title>The method – gorp-web</title>');
  expect(documentHtml('# A\n\n<img src=x> & [b](c.md), [d](#e)\n\n    x < `y`')).toContain(
    '<h1 id="a">A</h1>\n<p>&lt;img src=x&gt; &amp; b, <a href="#e">d</a></p>\n<pre>    x &lt; <code>y</code></pre>',
  );
});
