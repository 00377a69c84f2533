import type { Batch } from '../base/batch.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import type { Packing } from '../device/packing.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { goldenBatch, type GoldenTensor, goldenReal } from '../testing/golden.ts';
import { acquireTestDevice, limitedDevice } from '../testing/devices.ts';
import { type ReferenceFolder, referencesWith, type TrainedModel, trainedModels } from '../testing/reference.ts';
import { plainLayers } from './layers.ts';
import { parseDecoderConfig } from './decoder-config.ts';
import { LLAMA } from './decoder-families.ts';
import { DecoderNetwork } from './decoder-network.ts';
import type { Network } from './network.ts';
import { type LoadOptions, Parameters } from './parameters.ts';
import { parseT5Config, T5_TRAITS } from './t5-config.ts';
import { T5Network } from './t5-network.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

interface Case {
  name: string;
  network: (device: Device) => Network;
  reference: ReferenceFolder;
  folder: string;
  batch: Batch;
}

const T5 = 'golden/t5-tiny';

function t5Case(reference: ReferenceFolder): Case {
  const batch = reference.tensors(`${T5}/batch.safetensors`);
  const part = (name: string): GoldenTensor => batch.get(name) as GoldenTensor;
  return {
    name: `t5-tiny of ${reference.name}`,
    reference,
    folder: T5,
    network: (device) => new T5Network(device, parseT5Config(T5_TRAITS, reference.json(`${T5}/config.json`)), 64),
    batch: goldenBatch(part('input_ids'), part('attention_mask'), part('labels')),
  };
}

function llamaCase({ name, reference, folder }: TrainedModel): Case {
  const config = parseDecoderConfig(LLAMA, reference.json(`${folder}/config.json`));
  // Any text will do: the test compares losses of packed and f32 weights.
  const ids = (length: number, from: number): number[] =>
    Array.from({ length }, (_, i) => 3 + ((from + 37 * i) % (config.vocabSize - 3)));
  const rows = [1, 2].map((row) => ({ source: [1, ...ids(30, row)], label: ids(12, 100 * row) }));
  return {
    name,
    reference,
    folder,
    network: (device) => new DecoderNetwork(device, config, 64),
    batch: rows,
  };
}

/** Loss of a batch with the given loading options and buffer limit. */
async function lossOf(
  { network: make, reference, folder, batch }: Case,
  options: LoadOptions,
  limit?: number,
): Promise<number> {
  const model = reference.tensors(`${folder}/model.safetensors`);
  const network = make(device);
  const parameters = await Parameters.load(
    limit === undefined ? device : limitedDevice(device, limit),
    network.shapes,
    (name) => Promise.resolve(goldenReal(model, name).data),
    options,
  );
  const owned: OwnedBuffer[] = [];
  const inputs = network.batch(network.sizes(batch), owned);
  const g = new Graph();
  const loss = inputs.loss(
    g,
    plainLayers((name) => parameters.tensor(name)),
  );
  const compiled = await compile(device, 'loss', g, [loss]);
  inputs.write(batch);
  await device.run([compiled.program]);
  const [value] = new Float32Array(await device.read(compiled.rangeOf(loss)));
  compiled.destroy();
  for (const buffer of owned) buffer.destroy();
  parameters.destroy();
  network.destroy();
  expect(device.buffers.liveLabels).toEqual([]);
  return value;
}

/** Packs matrices, but not position biases and norms. */
const packedAs =
  (packing: Packing, shapes: ReadonlyMap<string, readonly number[]>) =>
  (name: string): Packing | undefined =>
    shapes.get(name)?.length === 2 && !name.includes('relative_attention_bias') ? packing : undefined;

// Largest relative change of the loss by packing.
const BOUNDS: [Packing, number][] = [
  ['f16', 1e-3],
  ['bf16', 5e-3],
  ['int8', 1e-2],
  ['int4', 5e-2],
  ['uint4', 5e-2],
];

describe('a model loaded', () => {
  describe.each([...referencesWith(T5).map(t5Case), ...trainedModels.map(llamaCase)])('$name', (one) => {
    test('in packed form has nearly the same loss', async () => {
      const exact = await lossOf(one, {});
      const probe = one.network(device);
      const { shapes } = probe;
      probe.destroy();
      const changes: [Packing, number][] = [];
      for (const [packing] of BOUNDS) {
        const loss = await lossOf(one, { packing: packedAs(packing, shapes) });
        changes.push([packing, Math.abs(loss / exact - 1)]);
      }
      for (const [i, [packing, change]] of changes.entries()) {
        expect(change, packing).toBeLessThan(BOUNDS[i][1]);
        expect(change, packing).toBeGreaterThan(0);
      }
    });

    test('in parts, on a device with small buffers, has the same loss', async () => {
      const exact = await lossOf(one, {});
      const parts = await lossOf(one, {}, 4096);
      expect(Math.abs(parts / exact - 1)).toBeLessThan(1e-6);
    });
  });
});
