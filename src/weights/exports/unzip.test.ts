import { asPieces, joined } from '../../base/pieces.ts';
import { zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { bytesOfFile } from '../../testing/output-files.ts';
import { type OutputFile, textFile } from './output-file.ts';
import { unzipped } from './unzip.ts';
import { zipped } from './zip.ts';

const WEIGHTS = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) >> 3);

const FILES: readonly OutputFile[] = [
  textFile('1-gloss/round.json', () => JSON.stringify({ long: 'ä'.repeat(3000) })),
  { path: '1-gloss/adapter/adapter_model.safetensors', content: () => asPieces(WEIGHTS) },
  textFile('1-gloss/empty.txt', () => ''),
];

const archive = async (): Promise<Blob> => new Blob([await joined(zipped(FILES))]);

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

/** An archive of `entries` files that are all listed at the same deflated zeros, with the size that each is said to have. */
function bomb(entries: number, zeros: number, said: number): Blob {
  const made = zipSync({ 'run/1-gloss/round.json': new Uint8Array(zeros) });
  const view = new DataView(made.buffer, made.byteOffset, made.length);
  const begin = view.getUint32(made.length - 6, true);
  const entry = made.slice(begin, made.length - 22);
  new DataView(entry.buffer).setUint32(24, said, true);
  const end = made.slice(-22);
  for (const at of [8, 10]) new DataView(end.buffer).setUint16(at, entries, true);
  return new Blob([made.slice(0, begin), ...new Array<Uint8Array<ArrayBuffer>>(entries).fill(entry), end]);
}

it('refuses an archive that would fill the memory', async () => {
  await expect(unzipped(bomb(2, 1000, 1000))).rejects.toMatchObject({
    message: expect.stringContaining('overlap') as string,
  });
  await expect(unzipped(bomb(1, 1000, 3e8))).rejects.toMatchObject({
    message: expect.stringContaining('unpack to 300000000') as string,
  });
  const [file] = await unzipped(bomb(1, 5_000_000, 100));
  await expect(file.open()).rejects.toMatchObject({ code: 'run/bad-zip' });
});

it('refuses a path that is there twice, and more files than any run has', async () => {
  const twice = zipSync({ 'a/x.json': new Uint8Array(9), 'a/y.json': new Uint8Array(9) });
  const text = Buffer.from(twice).toString('latin1').replaceAll('a/y.json', 'a/x.json');
  await expect(unzipped(new Blob([new Uint8Array(Buffer.from(text, 'latin1'))]))).rejects.toThrow(
    'it has a/x.json twice',
  );
  const many = zipSync(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`${i}`, new Uint8Array(1)])));
  await expect(unzipped(new Blob([many.slice()]))).rejects.toThrow('it lists 10001 files');
});

it('opens or refuses an archive with changed bytes, whatever they are', async () => {
  const whole = new Uint8Array(await (await archive()).arrayBuffer());
  const random = seededRandom(3);
  for (let i = 0; i < 1500; i++) {
    const bytes = whole.slice();
    // Most of them at the end, where the directory is.
    for (let j = 0; j <= i % 3; j++) bytes[bytes.length - 1 - random.below(400)] = random.below(256);
    try {
      for (const { open } of await unzipped(new Blob([bytes]))) await open();
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'run/bad-zip' });
    }
  }
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
