import type { OwnedBuffer } from '../gpu/buffers.ts';
import type { Gpu } from '../gpu/device.ts';
import { submit } from '../gpu/program.ts';
import { readBytes } from '../gpu/readback.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { scaleRows } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Network, SizedBatch, TrainingBatch } from '../models/network.ts';
import { sizesKey } from './gradient-programs.ts';
import { type Matrix, matrix } from './matrix.ts';
import { trainedLayers, type TrainedParts } from './trained-layers.ts';

/** A sum XᵀX on the GPU, f32 [in, in], and the layers whose input is X. */
interface CovarianceSum {
  readonly tensor: Tensor;
  readonly names: string[];
}

/**
 * C = XᵀX of the inputs of every trained layer over the tokens of a sample, padding left out: what a space of
 * activations is built from (METHOD.md section 4). Layers that read the same tensor (q and v) share one matrix.
 */
export async function inputCovariances(
  gpu: Gpu,
  network: Network,
  parts: TrainedParts,
  sample: readonly SizedBatch[],
): Promise<Map<string, Matrix>> {
  const owned: OwnedBuffer[] = [];
  const programs = new Map<string, { batch: TrainingBatch; compiled: Compiled }>();
  const sums = new Map<string, CovarianceSum>();
  try {
    for (const { sizes, rows } of sample) {
      const key = sizesKey(sizes);
      let program = programs.get(key);
      if (program === undefined) {
        const g = new Graph();
        const batch = network.batch(sizes, owned);
        const captured = new Map<string, Tensor>();
        batch.loss(g, trainedLayers(parts, { captured }));
        recordCovariances(gpu, g, captured, batch, sums, owned);
        program = { batch, compiled: await compile(gpu, `inputs ${key}`, g, []) };
        programs.set(key, program);
      }
      program.batch.write(rows);
      submit(gpu, program.compiled.program);
    }
    const result = new Map<string, Matrix>();
    for (const { tensor, names } of sums.values()) {
      const [size] = tensor.shape;
      const bytes = await readBytes(gpu, tensor.storage as NonNullable<Tensor['storage']>);
      const covariance = matrix(size, size, new Float32Array(bytes, 0, size * size));
      for (const name of names) result.set(name, covariance);
    }
    return result;
  } finally {
    for (const { compiled } of programs.values()) compiled.destroy();
    for (const buffer of owned) buffer.destroy();
  }
}

/** Adds XᵀX of each distinct input to its sum. */
function recordCovariances(
  gpu: Gpu,
  g: Graph,
  captured: ReadonlyMap<string, Tensor>,
  batch: TrainingBatch,
  sums: Map<string, CovarianceSum>,
  owned: OwnedBuffer[],
): void {
  const firstReader = new Map<Tensor, string>();
  for (const [name, x] of captured) {
    const reader = firstReader.get(x);
    const sum = sums.get(reader ?? name);
    if (reader !== undefined) {
      if (sum && !sum.names.includes(name)) sum.names.push(name);
      continue;
    }
    firstReader.set(x, name);
    const size = x.shape.at(-1) ?? 1;
    let into = sum?.tensor;
    if (into === undefined) {
      const buffer = gpu.buffers.storage(`covariance of ${name}`, size * size * 4);
      owned.push(buffer);
      const storage = { buffer, offset: 0, bytes: buffer.bytes };
      into = { name, shape: [size, size], dtype: 'f32', trainable: false, elements: size * size, storage };
      sums.set(name, { tensor: into, names: [name] });
    }
    const rows = scaleRows(g, x, batch.rowMask(name));
    matmul(g, rows, rows, { layout: 'tn', into, accumulate: true });
  }
}
