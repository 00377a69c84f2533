import type { Device } from '../device/device.ts';
import { type OpenedNetwork, openNetwork, readTexts } from '../run/models/open-network.ts';
import { embeddedSettings } from '../run/planning/presets.ts';
import type { EncodedTask } from '../run/tasks/encoded-task.ts';
import { prepareTask } from '../run/tasks/task-data.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type ModelFiles, openModelFolder } from '../weights/model-folder.ts';
import type { Bench } from './bench.ts';
import type { OpenModel } from './stepping-model.ts';

/** Where the files of the embedded model are. */
type Files = Pick<Bench, 'readEmbedded'>;

/** The embedded order as the page's preset trains and tests it. */
const preset = embeddedSettings('full', 'gorp');
/** Tokens of the longest label with its end. */
const ANSWER_LENGTH = 4;
export const EMBEDDED = { ...preset, training: { ...preset.training, targetLength: ANSWER_LENGTH } };

/** The model that comes with the app, on a device. */
export async function openEmbedded(files: Files, device: Device): Promise<OpenedNetwork & { model: ModelFiles }> {
  const file = async (name: string) => {
    const bytes = await files.readEmbedded(`model/${name}`);
    const read = (begin: number, end: number) => Promise.resolve(bytes.slice(begin, end));
    return { name, bytes: bytes.length, read, discard: () => Promise.resolve() };
  };
  const model = await openModelFolder({
    name: 'embedded',
    commit: null,
    fromCache: true,
    file,
    peek: async (name) => ({ ...(await file(name)), isWhole: true }),
    optionalFile: () => Promise.resolve(null),
    has: (name) => Promise.resolve(name === 'model.safetensors'),
    expectWeights: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  });
  return { ...openNetwork(device, model, EMBEDDED.training, await readTexts(model, EMBEDDED.training)), model };
}

/** Tasks of the embedded order with this many test examples each. */
export async function embeddedTasks(files: Files, tokenizer: Tokenizer, testExamples: number): Promise<EncodedTask[]> {
  const host = {
    taskReader: () => async (path: string) => new TextDecoder().decode(await files.readEmbedded(`tasks/${path}`)),
    customTask: () => Promise.resolve(undefined),
  };
  const settings = { ...EMBEDDED, training: { ...EMBEDDED.training, testExamples } };
  const tasks: EncodedTask[] = [];
  for (const name of EMBEDDED.order) tasks.push(await prepareTask(host, name, settings, tokenizer, () => undefined));
  return tasks;
}

/** The embedded model with a batch of its longest prompts, as the page's preset trains it. */
export const openEmbeddedSteps =
  (files: Files): OpenModel =>
  async (device) => {
    const { network, targets, tokenizer, model } = await openEmbedded(files, device);
    const [task] = await embeddedTasks(files, tokenizer, 1);
    const batch = task.train
      .toSorted((a, b) => b.source.length - a.source.length)
      .slice(0, EMBEDDED.training.batchSize);
    return { network, targets, read: (name) => model.readTensor(name), batch };
  };
