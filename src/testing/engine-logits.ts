import { SPAN_FIELDS } from '../graph/ops/row-attention.ts';
import { spansOfRows } from '../models/t5-batch.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import { bucketTable } from '../models/t5-network.ts';
import { Decoder } from '../models/decoder.ts';
import { familyOf } from '../models/families.ts';
import { InputBuffers } from '../models/input-buffers.ts';
import { forPrompts, type Layers, plainLayers } from '../models/layers.ts';
import { Parameters, type ReadParameter } from '../models/parameters.ts';
import { PromptMeans } from '../models/prompt-means.ts';
import { rotaryTable } from '../models/rotary-angles.ts';
import { T5 } from '../models/t5.ts';
import { readValues } from '../run/evaluation/decoding.ts';

/**
 * This engine's logits for a prompt, [rows, vocab_size]: one row per token, or for an encoder–decoder that of the
 * answer's first token.
 */
export async function engineLogits(
  device: Device,
  config: unknown,
  read: ReadParameter,
  prompt: readonly number[],
): Promise<Float32Array> {
  const parameters = await Parameters.load(device, familyOf(config).read(config).shapes, read);
  try {
    return await logitsOf(device, config, plainLayers((name) => parameters.tensor(name)), prompt); // oxfmt-ignore
  } finally {
    parameters.destroy();
  }
}

/** The same of layers, which may have adapters with gates. */
export async function logitsOf(
  device: Device,
  config: unknown,
  given: Layers,
  prompt: readonly number[],
): Promise<Float32Array> {
  const { config: form } = familyOf(config).read(config);
  const owned: OwnedBuffer[] = [];
  const inputs = new InputBuffers(device, owned);
  const S = prompt.length;
  const ids = inputs.make('ids', [1, S], 'u32', Uint32Array.from(prompt));
  const mask = inputs.make('mask', [1, S], 'f32', new Float32Array(S).fill(1));
  const position = inputs.make('position 0', [1], 'u32', Uint32Array.of(0));
  const g = new Graph();
  const layers = forPrompts(g, given, () => {
    const means = new PromptMeans(inputs, { sources: 1, tokens: S });
    means.write([prompt]);
    const table = form.kind === 'decoder-only' ? 'model.embed_tokens.weight' : 'shared.weight';
    return means.record(g, given.parameter(table));
  });
  let logits: Tensor;
  if (form.kind === 'decoder-only') {
    const tables = form.rotaries.map((rotary) =>
      inputs.make('angles', [S, rotary.headDim], 'f32', rotaryTable(rotary, S)),
    );
    const decoder = new Decoder(form, layers);
    const start = inputs.make('first position', [1], 'i32', Int32Array.of(0));
    logits = decoder.logits(g, decoder.read(g, ids, mask, { tables, start, position }).last);
  } else {
    const lookup = (bidirectional: boolean) => {
      const table = bucketTable(form, bidirectional, S);
      return { buckets: inputs.make('buckets', [table.length], 'u32', table), offset: S, position };
    };
    const t5 = new T5(form, layers, { encoderBuckets: lookup(true), decoderBuckets: lookup(false) });
    const spans = inputs.make('spans', [2, SPAN_FIELDS], 'u32', spansOfRows([S], S));
    const memory = t5.encode(g, ids, spans);
    const start = inputs.make('start', [1, 1], 'u32', Uint32Array.of(form.startId));
    const one = inputs.make('target mask', [1, 1], 'f32', Float32Array.of(1));
    logits = t5.logits(
      g,
      t5.decode(g, start, { mask: one }, (i) => t5.crossKeyValue(g, i, memory), { mask }),
    );
  }
  const compiled = await compile(device, 'logits', g, [logits]);
  try {
    await device.run([compiled.program]);
    return await readValues(device, compiled, logits, Float32Array);
  } finally {
    compiled.destroy();
    for (const buffer of owned) buffer.destroy();
  }
}
