import { expect, it } from 'vitest';
import { bytesOfFile } from '../testing/output-files.ts';
import { type DataGroup, layOutData } from './external-data.ts';

const PAGE = 4096;

/** A group of u8 tensors of these lengths, each filled with one number. */
const group = (name: string, ...lengths: number[]): DataGroup => ({
  tensors: lengths.map((length, i) => ({ name: `${name}${i}`, element: 'u8', shape: [length] })),
  make: () => Promise.resolve(lengths.map((length, i) => new Uint8Array(length).fill(i + 1))),
});

it('aligns tensors to pages and writes their content', async () => {
  const { places, files } = layOutData('m.onnx', [group('a', 5), group('b', PAGE, 1), group('c', 0)]);
  expect(Object.fromEntries(places)).toEqual({
    a0: { location: 'm.onnx_data', offset: 0, length: 5 },
    b0: { location: 'm.onnx_data', offset: PAGE, length: PAGE },
    b1: { location: 'm.onnx_data', offset: 2 * PAGE, length: 1 },
    c0: { location: 'm.onnx_data', offset: 3 * PAGE, length: 0 },
  });
  expect(files.map(({ path }) => path)).toEqual(['m.onnx_data']);
  const bytes = await bytesOfFile(files[0]);
  expect(bytes.length).toBe(3 * PAGE);
  expect([...bytes.subarray(0, 6)]).toEqual([1, 1, 1, 1, 1, 0]);
  expect(bytes[2 * PAGE - 1]).toBe(1);
  expect(bytes[2 * PAGE]).toBe(2);
});

it('begins another file if one would be too large, and never splits a group', async () => {
  const { places, files } = layOutData('m.onnx', [group('a', 10), group('b', PAGE), group('c', 1, 1)], {
    maxBytes: 2 * PAGE,
  });
  expect(files.map(({ path }) => path)).toEqual(['m.onnx_data', 'm.onnx_data_1']);
  expect(places.get('b0')).toEqual({ location: 'm.onnx_data', offset: PAGE, length: PAGE });
  expect(places.get('c0')).toEqual({ location: 'm.onnx_data_1', offset: 0, length: 1 });
  expect(places.get('c1')).toEqual({ location: 'm.onnx_data_1', offset: PAGE, length: 1 });
  expect((await Promise.all(files.map(bytesOfFile))).map(({ length }) => length)).toEqual([2 * PAGE, PAGE + 1]);
});

it('puts separate tensors in their own files, after the others', async () => {
  const groups = [group('a', 3), group('b', PAGE), group('c', 5), group('d', PAGE)];
  const isApart = (name: string): boolean => 'a0 d0'.includes(name);
  const { places, files } = layOutData('m.onnx', groups, { isApart });
  expect(files.map(({ path, isApart }) => [path, isApart])).toEqual([
    ['m.onnx_data', false],
    ['m.onnx_data_1', true],
  ]);
  expect(places.get('c0')).toEqual({ location: 'm.onnx_data', offset: PAGE, length: 5 });
  expect(places.get('d0')).toEqual({ location: 'm.onnx_data_1', offset: PAGE, length: PAGE });
  expect((await Promise.all(files.map(bytesOfFile))).map(({ length }) => length)).toEqual([PAGE + 5, 2 * PAGE]);
});

it('refuses a tensor too large for any file', () => {
  expect(() => layOutData('m.onnx', [group('a', 9)], { maxBytes: 8 })).toThrow(
    expect.objectContaining({ code: 'weights/onnx-tensor-too-large' }),
  );
});

it('reports content of the wrong length as a bug', async () => {
  const wrong: DataGroup = { ...group('a', 4), make: () => Promise.resolve([new Uint8Array(3)]) };
  const { files } = layOutData('m.onnx', [wrong]);
  await expect(bytesOfFile(files[0])).rejects.toMatchObject({ code: 'internal/tensor-size' });
});
