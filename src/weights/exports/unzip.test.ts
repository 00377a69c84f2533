import { zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { bytesOfFile } from '../../testing/output-files.ts';
import { type OutputFile, textFile } from './output-file.ts';
import { unzipped } from './unzip.ts';
import { zipped } from './zip.ts';

const WEIGHTS = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3);

const FILES: readonly OutputFile[] = [
  textFile('1-gloss/round.json', () => JSON.stringify({ long: 'ä'.repeat(3000) })),
  // oxlint-disable-next-line typescript/require-await -- all content is async.
  { path: '1-gloss/adapter/adapter_model.safetensors', content: async function* () { yield WEIGHTS; } }, // prettier-ignore
  textFile('1-gloss/empty.txt', () => ''),
];

async function archive(): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of zipped(FILES)) pieces.push(piece.slice());
  return new Blob(pieces);
}

it('returns what was zipped, path by path', async () => {
  const files = await unzipped(await archive());
  expect(files.map(({ path }) => path)).toEqual(FILES.map(({ path }) => path));
  for (const [i, { open }] of files.entries()) {
    expect(new Uint8Array(await (await open()).arrayBuffer())).toEqual(await bytesOfFile(FILES[i]));
  }
});

it('reads other programs’ archives, without 64-bit fields, with folders and a comment', async () => {
  const made = zipSync({
    '1-gloss': { 'round.json': new TextEncoder().encode('{}'.repeat(400)) },
    'folder/': [] as never,
  });
  const withComment = new Blob([made.slice(0, -2), Uint8Array.of(3, 0, 1, 2, 3)]);
  const files = await unzipped(withComment);
  expect(files.map(({ path }) => path)).toEqual(['1-gloss/round.json']);
  expect(await (await files[0].open()).text()).toBe('{}'.repeat(400));
});

it('refuses a file that is not an archive or is truncated', async () => {
  const whole = await archive();
  for (const broken of [new Blob(['no zip']), new Blob([]), whole.slice(0, whole.size / 2)]) {
    await expect(unzipped(broken)).rejects.toMatchObject({ code: 'run/bad-zip' });
  }
  const bytes = new Uint8Array(await whole.arrayBuffer());
  bytes.fill(7, 0, 200);
  const [first] = await unzipped(new Blob([bytes]));
  await expect(first.open()).rejects.toMatchObject({ code: 'run/bad-zip' });
});
