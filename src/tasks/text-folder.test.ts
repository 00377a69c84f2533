import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readTextFolder } from './table.ts';

it('packed texts count as long as they are', async () => {
  const packed = new Uint8Array(gzipSync('a '.repeat(2 ** 24)));
  const files = Array.from({ length: 40 }, (_, i) => ({ path: `${i}.txt`, bytes: packed }));
  await expect(readTextFolder('notes', files)).rejects.toMatchObject({ code: 'tasks/too-large' });
  expect((await readTextFolder('notes', files.slice(0, 1))).rows).toHaveLength(1);
});
