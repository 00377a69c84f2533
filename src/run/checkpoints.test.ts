import { describe, expect, test } from 'vitest';
import { float32ToBfloat16, float32ToHalf } from '../base/half.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost, tinySettings, onDevice } from '../testing/tiny-run.ts';
import { type ModelFiles, openModelFolder } from '../weights/model-folder.ts';
import { PickedFolder } from '../weights/picked-folder.ts';
import { safetensorsOf, type Tensors } from '../testing/model-of.ts';
import type { RunEvent } from './events/events.ts';
import type { RunHost } from './events/host.ts';
import { openNetwork, readTexts } from './models/open-network.ts';
import { Run } from './run.ts';
import { finishedResults } from '../testing/ended-run.ts';

const TYPES = {
  F32: (values: Float32Array) => values,
  F16: float32ToHalf,
  BF16: float32ToBfloat16,
};

/** The tiny T5 as files on disk: of one type, its embedding under some name. */
async function filesOf(dtype: keyof typeof TYPES, embedding = 'shared.weight'): Promise<PickedFolder> {
  const model = tinyModel();
  const { config, tokenizer, tokenizerConfig, tensors } = model;
  const stored: Tensors = {};
  for (const [name, { shape }] of tensors) {
    const data = TYPES[dtype](await model.readTensor(name));
    stored[name === 'shared.weight' ? embedding : name] = { dtype, shape: [...shape], data };
  }
  const texts = { 'config.json': config, 'tokenizer.json': tokenizer, 'tokenizer_config.json': tokenizerConfig };
  const files = Object.entries(texts).map(([path, json]) => ({ path, blob: new Blob([JSON.stringify(json)]) }));
  const weights = new Blob([new Uint8Array(await safetensorsOf(stored))]);
  return new PickedFolder('tiny', [...files, { path: 'model.safetensors', blob: weights }]);
}

/** The losses of a whole run from files, with weights held as stored. */
async function lossesOf(folder: PickedFolder): Promise<number[]> {
  const events: RunEvent[] = [];
  const parts: Partial<RunHost> = {
    ...onDevice(acquireTestDevice),
    openModel: (_, __, ___, inspect) => openModelFolder(folder, inspect),
  };
  const settings = { ...tinySettings('gorp', { epochs: 1, frozenWeights: 'stored' }), order: ['gloss'] };
  await new Run(
    tinyHost((event) => events.push(event), parts),
    settings,
  ).execute();
  return finishedResults(events).curves.loss;
}

describe('a run from files as people store them', () => {
  test('f16 and bf16 give the losses of f32 to their precision', async () => {
    const exact = await lossesOf(await filesOf('F32'));
    // Half a unit in the last place of a weight is 2^-11 of it in f16, 2^-8 in bf16.
    for (const [type, share] of [
      ['F16', 0.005],
      ['BF16', 0.04],
    ] as const) {
      const losses = await lossesOf(await filesOf(type));
      expect(losses).toHaveLength(exact.length);
      losses.forEach((loss, step) => expect(Math.abs(loss / exact[step] - 1), `${type}, ${step}`).toBeLessThan(share));
    }
  });

  test.each(['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight', 'lm_head.weight'])(
    'an embedding stored only as %s is the shared one',
    async (name) => {
      expect(await lossesOf(await filesOf('F32', name))).toEqual(await lossesOf(await filesOf('F32')));
    },
  );

  test('an unusable config fails before weights are fetched', async () => {
    const folder = await filesOf('F32');
    let asked = 0;
    const watched = Object.assign(Object.create(folder) as PickedFolder, {
      expectWeights: () => Promise.resolve(void asked++),
      has: (file: string) => folder.has(file),
      optionalFile: (file: string) => folder.optionalFile(file),
      file: async (file: string) => {
        if (file !== 'config.json') return folder.file(file);
        const bytes = new TextEncoder().encode('{"model_type":"gpt2"}');
        return {
          name: file,
          bytes: bytes.length,
          read: () => Promise.resolve(bytes),
          discard: () => Promise.resolve(),
        };
      },
    });
    await expect(lossesOf(watched)).rejects.toThrow('model/unknown-family');
    expect(asked).toBe(0);
  });
});

const RAW = { promptForm: 'raw' } as const;

test('answers end at the tokens in generation_config.json, and at the end of labels', async () => {
  const device = await acquireTestDevice();
  const ends = async (generationConfig: unknown): Promise<readonly number[]> => {
    const model: ModelFiles = { ...tinyModel(), generationConfig };
    const { network } = openNetwork(device, model, { sourceLength: 8, targetLength: 3 }, await readTexts(model, RAW));
    const { endIds } = network.tokens;
    network.destroy();
    return endIds;
  };
  expect(await ends(null)).toEqual([1]);
  expect(await ends({ eos_token_id: [5, 7] })).toEqual([5, 7, 1]);
  await expect(ends({ eos_token_id: 99 })).rejects.toThrow(/generation_config\.json.*eos_token_id = 99/);
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
});
