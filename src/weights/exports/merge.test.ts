import { expect, test } from 'vitest';
import { mergedReader } from './merge.ts';
import type { ModelTensors } from '../model-files.ts';

const info = { name: 'h.0.weight', dtype: 'F32' as const, shape: [1, 2], begin: 0, end: 8, file: 'model.safetensors' };
const base: ModelTensors = {
  tensors: new Map([[info.name, info]]),
  readTensor: () => Promise.resolve(Float32Array.of(1, 2)),
  readRaw: () => Promise.reject(new Error('not read')),
  contentHash: () => Promise.resolve(''),
};

test('merges changes, and refuses weights that are not finite, naming the tensor', async () => {
  const merged = (weights: number[]): Promise<Float32Array> =>
    mergedReader(base, {
      changed: new Set(['h.0']),
      changes: {
        scaling: 1,
        adapter: () => Promise.resolve(undefined),
        weights: () => Promise.resolve(Float32Array.from(weights)),
      },
    })(info.name);
  expect(await merged([1, -1])).toEqual(Float32Array.of(1, -1));
  await expect(merged([NaN, 0])).rejects.toMatchObject({
    code: 'weights/not-finite',
    message: expect.stringContaining('h.0.weight') as string,
  });
});
