import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../device/device.ts';
import { relativeError } from '../testing/compare.ts';
import { acquireTestWasm } from '../testing/devices.ts';
import { engineLogits } from '../testing/engine-logits.ts';
import { referencesWith } from '../testing/reference.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { NO_EMBEDDED } from '../testing/no-embedded.ts';
import { HUB } from '../weights/hub.ts';
import { openModel } from '../weights/source.ts';
import { openMemoryStore } from '../weights/store.ts';
import { openNetwork, readTexts } from './models/open-network.ts';

const FOLDER = 'golden/gguf';
const MODELS = referencesWith(FOLDER).flatMap((reference) =>
  reference.files(FOLDER, '.gguf').map((path) => ({ name: path.slice(FOLDER.length + 1), path, reference })),
);
const LENGTHS = { sourceLength: 16, targetLength: 4 };

let device: Device;
beforeAll(async () => {
  device = await acquireTestWasm();
});
afterAll(() => device.destroy());

describe.each(MODELS)('$name of $reference.name', ({ name, path, reference }) => {
  const open = async (): Promise<ModelFiles> => {
    const files = [{ path: name, blob: new Blob([await readFile(reference.path(path))]) }];
    const places = {
      store: await openMemoryStore(),
      embedded: NO_EMBEDDED,
      hub: { endpoint: HUB, token: null },
      picked: new Map([[name, files]]),
    };
    return openModel({ kind: 'picked', name }, places);
  };

  it('has the parameters of its family, and the logits of transformers', async () => {
    const model = await open();
    const known = await readTexts(model, { promptForm: 'raw' });
    openNetwork(device, model, LENGTHS, known).network.destroy();
    const { prompt, logits } = reference.json<{ prompt: number[]; logits: number[][] }>(path.replace('.gguf', '.json'));
    const found = await engineLogits(device, model.config, (tensor) => model.readTensor(stored(model, tensor)), prompt);
    // Both compute in f32 with weights of the same blocks.
    expect(relativeError(found, logits.flat())).toBeLessThan(2e-5);
  });
});

/** Tied output layers are stored as the embedding. */
const stored = (model: ModelFiles, name: string): string => (model.tensors.has(name) ? name : 'shared.weight');
