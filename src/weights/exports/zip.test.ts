import { crc32 } from 'node:zlib';
import { joined } from '../../base/pieces.ts';
import { unzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { type OutputFile, textFile } from './output-file.ts';
import { zipped } from './zip.ts';

/** Yields one buffer and overwrites it, as a file reader may. */
// oxlint-disable-next-line typescript/require-await -- content is asynchronous.
async function* overwritten(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(1000);
  for (let at = 0; at < bytes.length; at += 1000) {
    piece.set(bytes.subarray(at, at + 1000));
    yield piece;
  }
}

test('unzipped files equal the originals; text is compressed, weights are not', async () => {
  const weights = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251);
  const files: OutputFile[] = [
    textFile('a/long é.jsonl', () => 'the same line\n'.repeat(4000)),
    textFile('empty.json', () => ''),
    { path: 'a/w.safetensors', content: () => overwritten(weights) },
    { path: 'none.safetensors', content: () => new Blob([]).stream() },
    { path: 'onnx/m.onnx_data_1', content: () => overwritten(weights) },
  ];
  const begun: string[] = [];
  const archive = await joined(zipped(files, (path) => begun.push(path)));
  expect(begun).toEqual(files.map(({ path }) => path));
  expect(archive.length).toBeLessThan(13_500);
  const found = unzipSync(archive);
  expect(Object.keys(found)).toEqual(files.map(({ path }) => path));
  for (const { path, content } of files) {
    expect(crc32(found[path]), path).toBe(crc32(await joined(content())));
  }
});
