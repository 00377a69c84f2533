import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFiles } from '../../src/weights/model-folder.ts';
import { PATIENCE } from '../../src/weights/connection.ts';
import { parseModelReference } from '../../src/weights/model-reference.ts';
import { openModel, requireReference } from '../../src/weights/source.ts';
import type { WeightStore } from '../../src/weights/store.ts';
import { ramp } from '../../src/testing/model-of.ts';
import { NO_EMBEDDED } from '../../src/testing/no-embedded.ts';

// A small model on a hub of this machine.

export const REPO = 'some-org/tiny.t5';
/** Of the model's only tensor. */
export const ELEMENTS = 1500;
/** Bytes of a part in the store. */
export const CHUNK = 1024;
export const openFromHub = (endpoint: string, store: WeightStore, patience = PATIENCE): Promise<ModelFiles> =>
  openModel(
    requireReference(parseModelReference(REPO), REPO),
    { store, embedded: NO_EMBEDDED, hub: { endpoint, token: null }, picked: new Map() },
    { patience },
  );

/** Whether the weights are those of the hub. */
export async function isWhole(model: ModelFiles): Promise<boolean> {
  const read = await model.readTensor('shared.weight');
  return read.length === ELEMENTS && ramp(ELEMENTS).every((value, i) => read[i] === value);
}

const EMBEDDED = join(import.meta.dirname, '../../public/embedded/model');

/** The files of the embedded model, for a hub. */
export async function readModel(): Promise<Record<string, Buffer>> {
  const names = (await readdir(EMBEDDED)).filter((name) => /\.(json|safetensors)$/.test(name));
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(EMBEDDED, name))] as const));
  return Object.fromEntries(files);
}
