import { expect, test } from 'vitest';
import { markdownCode, markdownText } from './markdown.ts';

test('names of people stay as they are', () => {
  for (const name of ['agnews', 'my_task-1of2', 'org/name', 'Grüße 再 2.0', 'a.b, c (d)', 'C++', 'a=b; c!'])
    expect(markdownText(name)).toBe(name);
});

test('a text makes no line, cell, link, HTML or emphasis of its own', () => {
  expect(markdownText('a\n\n# b\r\n| c | d |\u2028e')).toBe(String.raw`a \# b \| c \| d \| e`);
  expect(markdownText('<img src=x onerror=alert(1)>&lt;')).toBe(String.raw`\<img src=x onerror=alert(1)\>\&lt;`);
  expect(markdownText('[a](javascript:b) ![c](d)')).toBe(String.raw`\[a\](javascript:b) !\[c\](d)`);
  expect(markdownText('https://x.example www.x.example')).toBe(String.raw`https\://x.example www\.x.example`);
  expect(markdownText('**a** _b_ `c` ~~d~~ $e$ \\')).toBe(String.raw`\*\*a\*\* \_b\_ \`c\` \~\~d\~\~ \$e\$ \\`);
  expect(markdownText('a\u202eb\u2066\u200b')).toBe('ab');
});

test('code ends where it should', () => {
  expect(markdownCode('c0ffee')).toBe('`c0ffee`');
  expect(markdownCode('a`b``c')).toBe('```a`b``c```');
  expect(markdownCode('`a`')).toBe('`` `a` ``');
  expect(markdownCode('a\n\n# b')).toBe('`a # b`');
  expect(markdownCode('')).toBe('`  `');
});
