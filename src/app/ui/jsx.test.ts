import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { jsx, jsxs } from './jsx.ts';

const TURNED = 'a\u202eb\u0001';
const SHOWN = 'a[U+202E]b[U+0001]';

it('shows what would turn or hide the text around it, wherever a view names it, and changes nothing else', () => {
  const Name = ({ name }: { name: string }) => jsx('b', { children: name });
  const content = jsxs('p', {
    title: TURNED,
    'data-task': TURNED,
    children: [
      TURNED,
      '\n\t😀 ',
      jsx(Name, { name: TURNED }, 'name'),
      jsx('input', { value: TURNED, readOnly: true }, 'i'),
    ],
  });
  const html = renderToStaticMarkup(content);
  expect(html).toBe(
    `<p title="${SHOWN}" data-task="${TURNED}">${SHOWN}\n\t😀 <b>${SHOWN}</b><input readOnly="" value="${TURNED}"/></p>`,
  );
  const long = jsx('text', { children: 'W'.repeat(20_000) });
  expect(renderToStaticMarkup(long), 'a drawing wraps nothing').toBe(`<text>${'W'.repeat(60)}…</text>`);
});
