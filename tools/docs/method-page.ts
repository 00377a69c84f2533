import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

const FILE = 'method.html';
const SOURCE = new URL('../../docs/method.md', import.meta.url);

/** The name of a heading in links, as code hosts make it. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

/** Ships docs/method.md beside the page, whose glossary links to its sections and equations. */
export function methodPage(): Plugin {
  const html = (): string => documentHtml(readFileSync(SOURCE, 'utf8'));
  return {
    name: 'method-page',
    configureServer: ({ middlewares }) => {
      middlewares.use(`/${FILE}`, (_, response) => response.setHeader('Content-Type', 'text/html').end(html()));
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: FILE, source: html() });
    },
  };
}

/**
 * A document as a plain page, which needs no style that the policy would forbid: headings and equations with their
 * anchors, paragraphs; tables, lists and formulas as they are written. Links within the repository become text.
 */
export function documentHtml(markdown: string): string {
  const blocks = escaped(markdown)
    .trim()
    .split(/\n{2,}/);
  const [, title = ''] = /^# (.+)/.exec(blocks[0]) ?? [];
  return [
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">',
    `<meta name="viewport" content="width=device-width"><title>${title} – gorp-web</title>`,
    ...blocks.map(blockHtml),
  ].join('\n');
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function blockHtml(block: string): string {
  const [, level, heading] = /^(#+) (.+)$/.exec(block) ?? [];
  if (heading !== undefined) return `<h${level.length} id="${anchorOf(heading)}">${heading}</h${level.length}>`;
  const [, anchor] = /^&lt;a id="([\w-]+)"&gt;&lt;\/a&gt;$/.exec(block) ?? [];
  if (anchor !== undefined) return `<a id="${anchor}"></a>`;
  const inline = block
    .replaceAll(/\[([^\]]+)\]\((https:[^)\s]+)\)/g, '<a href="$2">$1</a>')
    .replaceAll(/\[([^\]]+)\]\((#[^)\s]+)\)/g, '<a href="$2">$1</a>')
    .replaceAll(/\[([^\]]+)\]\([^)\s]+\)/g, '$1')
    .replaceAll(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>');
  return /^(?: {4}|\||- |\d+\. )/.test(block) ? `<pre>${inline}</pre>` : `<p>${inline}</p>`;
}
