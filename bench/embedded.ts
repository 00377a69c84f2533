import type { Device } from '../src/device/device.ts';
import { type OpenedNetwork, openNetwork, readTexts } from '../src/run/open-network.ts';
import { embeddedSettings } from '../src/run/presets.ts';
import { type EncodedTask, prepareTask } from '../src/run/task-data.ts';
import type { Tokenizer } from '../src/text/tokenizer.ts';
import { type ModelFiles, openModelFolder } from '../src/weights/model-folder.ts';
import type { Place } from './bench.ts';

/** The embedded order as the page's preset trains and tests it. */
export const EMBEDDED = embeddedSettings('full', 'gorp');

/** The model that comes with the app, on a device. */
export async function openEmbedded(place: Place, device: Device): Promise<OpenedNetwork & { model: ModelFiles }> {
  const file = async (name: string) => {
    const bytes = await place.readEmbedded(`model/${name}`);
    const read = (begin: number, end: number) => Promise.resolve(bytes.slice(begin, end));
    return { name, bytes: bytes.length, read, discard: () => Promise.resolve() };
  };
  const model = await openModelFolder({
    name: 'embedded',
    commit: null,
    fromCache: true,
    file,
    optionalFile: () => Promise.resolve(null),
    has: (name) => Promise.resolve(name === 'model.safetensors'),
    expectWeights: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  });
  return { ...openNetwork(device, model, EMBEDDED.training, await readTexts(model, EMBEDDED.training)), model };
}

/** Tasks of the embedded order with this many test examples each. */
export async function embeddedTasks(place: Place, tokenizer: Tokenizer, testExamples: number): Promise<EncodedTask[]> {
  const host = {
    taskReader: () => async (path: string) => new TextDecoder().decode(await place.readEmbedded(`tasks/${path}`)),
    customTask: () => Promise.resolve(undefined),
  };
  const settings = { ...EMBEDDED, training: { ...EMBEDDED.training, testExamples } };
  const tasks: EncodedTask[] = [];
  for (const name of EMBEDDED.order) tasks.push(await prepareTask(host, name, settings, tokenizer, () => undefined));
  return tasks;
}
