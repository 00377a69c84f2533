import { describe, expect, it } from 'vitest';
import { relativeError } from '../testing/compare.ts';
import { ENCODER_DECODERS } from '../testing/families.ts';
import { goldenReal } from '../testing/golden.ts';
import { collected, emptyCaches, int64, modelOnDisk, nextCaches, onnxSession, reals } from '../testing/onnx-runtime.ts';
import { committedReference } from '../testing/reference.ts';
import { onnxFiles } from './onnx-files.ts';

/** The reference numbers are f32, too, but the graph sums in another order. */
const TOLERANCE = 2e-5;

describe.each(ENCODER_DECODERS)('the export of %s', (name) => {
  const opened = async () => {
    const files = await collected(await onnxFiles(await modelOnDisk(committedReference.path(`golden/${name}`)), 'f32'));
    const encoder = await onnxSession(files, 'onnx/encoder_model.onnx');
    const decoder = await onnxSession(files, 'onnx/decoder_model_merged.onnx');
    const batch = committedReference.tensors(`golden/${name}/batch.safetensors`);
    const ids = (tensor: string) => batch.get(tensor) as { shape: number[]; data: Int32Array };
    return { encoder, decoder, ids, expected: committedReference.tensors(`golden/${name}/expected.safetensors`) };
  };

  it('gives the reference logits, at once and token by token', async () => {
    const { encoder, decoder, ids, expected } = await opened();
    const [source, mask, target] = ['input_ids', 'attention_mask', 'decoder_input_ids'].map(ids);
    const attention_mask = int64(mask.data, mask.shape);
    const { last_hidden_state } = await encoder.run({ input_ids: int64(source.data, source.shape), attention_mask });
    const [B, T] = target.shape;
    const reference = goldenReal(expected, 'logits'); // [B, T, V]
    const V = reference.shape[2];
    const given = { encoder_attention_mask: attention_mask, encoder_hidden_states: last_hidden_state };

    const whole = await decoder.run({
      ...given,
      input_ids: int64(target.data, target.shape),
      ...emptyCaches(decoder, B),
    });
    expect(whole['logits'].dims).toEqual([B, T, V]);
    expect(relativeError(reals(whole['logits']), reference.data)).toBeLessThan(TOLERANCE);

    let caches = emptyCaches(decoder, B);
    for (let t = 0; t < T; t++) {
      const column = Array.from({ length: B }, (_, b) => target.data[b * T + t]);
      const outputs = await decoder.run({ ...given, input_ids: int64(column, [B, 1]), ...caches });
      caches = nextCaches(caches, outputs);
      const rows = Array.from({ length: B }, (_, b) => reference.data.subarray((b * T + t) * V, (b * T + t + 1) * V));
      expect(relativeError(reals(outputs['logits']), Float32Array.from(rows.flatMap((row) => [...row])))).toBeLessThan(
        TOLERANCE,
      );
      expect(outputs['present.0.decoder.key'].dims[2]).toBe(t + 1);
      expect(outputs['present.0.encoder.key'].dims[2]).toBe(t === 0 ? source.shape[1] : 0);
    }
  });
});
