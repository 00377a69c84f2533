import { type Span, span, SPAN_FIELDS, spanTable } from '../graph/ops/attention.ts';
import type { Projection } from '../graph/ops/chunked-logits.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { bucketTable, spansAcross } from '../models/t5-network.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import { Decoder } from '../models/decoder.ts';
import { familyOf } from '../models/families.ts';
import { InputBuffers, PromptMeans } from '../models/input-buffers.ts';
import { forPrompts, type Layers, plainLayers } from '../models/layers.ts';
import { Parameters, type ReadParameter } from '../models/parameters.ts';
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

/** Logits that the engine computes with given layers, which may depend on the prompt. */
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
  const position = inputs.make('position 0', [1], 'u32', Uint32Array.of(0));
  const g = new Graph();
  const layers = forPrompts(g, given, () => {
    const means = new PromptMeans(inputs, { sources: 1, tokens: S });
    means.write([prompt]);
    const table = form.kind === 'decoder-only' ? 'model.embed_tokens.weight' : 'shared.weight';
    return means.record(g, given.parameter(table));
  })();
  const source = span(0, S);
  const table = (name: string, ...spans: Span[]): Tensor =>
    inputs.make(name, [spans.length, SPAN_FIELDS], 'u32', spanTable(spans));
  const scores = ({ x, head, alpha }: Projection): Tensor => matmul(g, x, head, { layout: 'nt', alpha });
  let logits: Tensor;
  if (form.kind === 'decoder-only') {
    const tables = form.rotaries.map((rotary) =>
      inputs.make('angles', [S, rotary.headDim], 'f32', rotaryTable(rotary, S)),
    );
    const decoder = new Decoder(form, layers);
    const positions = inputs.make('positions', [1, S], 'i32', Int32Array.from(prompt.keys()));
    logits = scores(
      decoder.projection(decoder.read(g, ids, table('spans', source), { tables, positions, offset: position })),
    );
  } else {
    const lookup = (bidirectional: boolean): Tensor => {
      const buckets = bucketTable(form, bidirectional, S);
      return inputs.make('buckets', [buckets.length], 'u32', buckets);
    };
    const inputsOf = { encoderBuckets: lookup(true), decoderBuckets: lookup(false) };
    const t5 = new T5(form, { source: layers, answer: layers }, inputsOf);
    const memory = t5.encode(g, ids, table('spans', source));
    const start = inputs.make('start', [1, 1], 'u32', Uint32Array.of(form.startId));
    const answer = span(0, 1);
    const spans = {
      spans: table('spans of the answer', answer),
      cross: table('cross spans', ...spansAcross([source], [answer], () => source)),
    };
    logits = scores(t5.projection(t5.decode(g, start, spans, (i) => t5.crossKeyValue(g, i, memory))));
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
