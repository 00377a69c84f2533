import { expect, test } from 'vitest';
import { memoryFile } from '../testing/output-files.ts';
import { contentHash, HASHED_BYTES } from './model-files.ts';
import { MemoryKeyValue } from './key-value.ts';
import { RemoteFolder } from './remote-folder.ts';
import { openStore } from './store.ts';

const bytesOf = (length: number, seed: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 251);

test('depends on the content, not on the location or order of the files', async () => {
  const [a, b] = [bytesOf(1000, 1), bytesOf(37, 2)];
  const hash = await contentHash([memoryFile('a', a), memoryFile('b', b)]);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await contentHash([memoryFile('b', b.slice()), memoryFile('a', a.slice())])).toBe(hash);
  const others = [
    [memoryFile('a', b), memoryFile('b', a)],
    [memoryFile('a', a)],
    [memoryFile('a', a.with(999, a[999] ^ 1)), memoryFile('b', b)],
    [memoryFile('c', a), memoryFile('b', b)],
    [],
  ];
  const all = await Promise.all(others.map((files) => contentHash(files)));
  expect(new Set([hash, ...all]).size).toBe(others.length + 1);
});

test('is the same from stored hashes and from reading the file, over several parts', async () => {
  const content = bytesOf(HASHED_BYTES + 5, 3);
  const store = await openStore(new MemoryKeyValue());
  const options = { fetch: () => Promise.resolve(new Response(content)) };
  const file = await new RemoteFolder('https://example.org/m/', store, options).file('model.safetensors');
  expect(file.hashes).toHaveLength(2);
  const unread = { ...file, read: () => Promise.reject(new Error('nothing should be read')) };
  expect(await contentHash([unread])).toBe(await contentHash([memoryFile('model.safetensors', content)]));
  const small = await openStore(new MemoryKeyValue(), 100_000);
  const other = await new RemoteFolder('https://example.org/m/', small, options).file('model.safetensors');
  expect(await contentHash([other]), 'stored in other parts').toBe(await contentHash([unread]));
});
