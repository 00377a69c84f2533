import { readFileSync } from 'node:fs';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { methodsText } from './text.ts';

test('docs/methods.md is what the registry says: `npm run methods` writes it', async () => {
  const file = readFileSync(new URL('../../docs/methods.md', import.meta.url), 'utf8');
  expect(file).toBe(await format(methodsText(), { parser: 'markdown' }));
});
