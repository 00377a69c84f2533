import { describe, expect, it } from 'vitest';
import { relativeError } from '../testing/compare.ts';
import { DECODERS } from '../testing/families.ts';
import { goldenReal } from '../testing/golden.ts';
import { collected, emptyCaches, int64, modelOnDisk, nextCaches, onnxSession, reals } from '../testing/onnx-runtime.ts';
import { committedReference } from '../testing/reference.ts';
import { onnxFiles } from './onnx-files.ts';

/** The reference numbers are f32, too, but the graph sums in another order. */
const TOLERANCE = 2e-5;

describe.each(DECODERS)('the export of %s', (name) => {
  it('gives the reference logits, at once and token by token, with padding on the left', async () => {
    const files = await collected(await onnxFiles(await modelOnDisk(committedReference.path(`golden/${name}`)), 'f32'));
    const session = await onnxSession(files, 'onnx/model.onnx');
    const batch = committedReference.tensors(`golden/${name}/batch.safetensors`);
    const [ids, mask, positions] = ['input_ids', 'attention_mask', 'position_ids_from_mask'].map(
      (tensor) => batch.get(tensor) as { shape: number[]; data: Int32Array },
    );
    const [B, T] = ids.shape;
    const reference = goldenReal(committedReference.tensors(`golden/${name}/expected.safetensors`), 'logits'); // [B, T, V]
    const V = reference.shape[2];
    /** Rows of real tokens only: the reference has zeros at padding. */
    const real = (logits: Float32Array, length: number, begin: number): number[] => {
      const rows: number[] = [];
      for (let b = 0; b < B; b++) {
        for (let t = 0; t < length; t++) {
          if (mask.data[b * T + begin + t] === 1)
            rows.push(...logits.subarray((b * length + t) * V, (b * length + t + 1) * V));
        }
      }
      return rows;
    };
    const wanted = real(reference.data, T, 0);
    const whole = await session.run({
      input_ids: int64(ids.data, [B, T]),
      attention_mask: int64(mask.data, [B, T]),
      position_ids: int64(positions.data, [B, T]),
      ...emptyCaches(session, B),
    });
    expect(relativeError(real(reals(whole['logits']), T, 0), wanted)).toBeLessThan(TOLERANCE);

    const columns = (data: Int32Array, begin: number, end: number): number[] =>
      Array.from({ length: B }, (_, b) => [...data.subarray(b * T + begin, b * T + end)]).flat();
    let caches = emptyCaches(session, B);
    for (const [begin, end] of [[0, 5], ...Array.from({ length: T - 5 }, (_, i) => [5 + i, 6 + i])]) {
      const outputs = await session.run({
        input_ids: int64(columns(ids.data, begin, end), [B, end - begin]),
        attention_mask: int64(columns(mask.data, 0, end), [B, end]),
        position_ids: int64(columns(positions.data, begin, end), [B, end - begin]),
        ...caches,
      });
      caches = nextCaches(caches, outputs);
      const part = Float32Array.from(
        Array.from({ length: B }, (_, b) => [
          ...reference.data.subarray((b * T + begin) * V, (b * T + end) * V),
        ]).flat(),
      );
      const error = relativeError(real(reals(outputs['logits']), end - begin, begin), real(part, end - begin, begin));
      expect(error).toBeLessThan(TOLERANCE);
      expect(outputs['present.0.key'].dims[2]).toBe(end);
    }
  });
});
