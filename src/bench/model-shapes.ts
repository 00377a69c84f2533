import type { Batch } from '../base/batch.ts';
import { mixSeed } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { FrozenWeights } from '../run/models/frozen-weights.ts';
import { type OpenedNetwork, openNetwork, readTexts } from '../run/models/open-network.ts';
import { llama, t5 } from '../run/models/published-models.ts';
import { embeddedSettings } from '../run/planning/presets.ts';
import type { EncodedTask } from '../run/tasks/encoded-task.ts';
import { prepareTask } from '../run/tasks/task-data.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { type ByteFile, byteFile } from '../weights/model-files.ts';
import { LocalFolder, type ModelFiles, openModelFolder } from '../weights/model-folder.ts';
import type { Bench } from './bench.ts';
import type { OpenModel } from './stepping-model.ts';

/** A model with the batches that it trains and decodes. */
export interface ModelShape {
  readonly name: string;
  /** Its config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly frozenWeights: FrozenWeights;
  readonly recompute: boolean;
  /** A training batch: rows, tokens of a prompt, tokens of a label. */
  readonly batch: { readonly B: number; readonly S: number; readonly T: number };
  /** Rows whose answers are written together. */
  readonly rows: number;
}

/** TinyLlama's config.json. */
const TINY_LLAMA = { ...llama(2048, 5632, 22, 32, 4), tie_word_embeddings: false };

/** The models whose kernels are looked at, by the sizes of their config.json. */
export const MODEL_SHAPES: readonly ModelShape[] = [
  {
    name: 't5-small',
    config: t5(512, 2048, 6, 8),
    frozenWeights: 'f32',
    recompute: false,
    batch: { B: 8, S: 128, T: 10 },
    rows: 64,
  },
  {
    name: 't5-large',
    config: t5(1024, 4096, 24, 16),
    frozenWeights: 'f32',
    recompute: true,
    batch: { B: 8, S: 512, T: 10 },
    rows: 64,
  },
  {
    name: 'TinyLlama-1.1B, 8-bit',
    config: TINY_LLAMA,
    frozenWeights: '8-bit',
    recompute: true,
    batch: { B: 1, S: 512, T: 10 },
    rows: 8,
  },
];

/** Random weights of a T5: norms 1, matrices so small that activations neither vanish nor explode. */
export function randomWeights(shapes: ReadonlyMap<string, readonly number[]>) {
  return (name: string): Promise<Float32Array> => {
    const shape = shapes.get(name) ?? [];
    const values = new Float32Array(sizeOf(shape)).fill(1);
    if (shape.length === 1) return Promise.resolve(values);
    const bound = name === 'shared.weight' ? 1 : 1 / Math.sqrt(shape[1]);
    let state = mixSeed(1, name) >>> 0; // a linear congruential generator: there are tens of millions
    values.forEach((_, i) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      values[i] = bound * (state / 2 ** 31 - 1);
    });
    return Promise.resolve(values);
  };
}

/** A batch of random tokens, all of full length. */
export function randomBatch(B: number, S: number, T: number): Batch {
  const ids = (length: number, seed: number): number[] =>
    Array.from({ length }, (_, i) => 3 + ((7919 * (i + 131 * seed)) % 30_000));
  return Array.from({ length: B }, (_, row) => ({ source: ids(S, row), label: ids(T, B + row) }));
}

/** Where the files of the embedded model are. */
type Files = Pick<Bench, 'readEmbedded'>;

/** The embedded order as the page's preset trains and tests it. */
const preset = embeddedSettings('full', 'gorp');
/** Tokens of the longest label with its end. */
const ANSWER_LENGTH = 4;
export const EMBEDDED = { ...preset, training: { ...preset.training, targetLength: ANSWER_LENGTH } };

const EMBEDDED_FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];

/** The model that comes with the app, on a device. */
export async function openEmbedded(files: Files, device: Device): Promise<OpenedNetwork & { model: ModelFiles }> {
  const find = async (name: string): Promise<ByteFile | null> =>
    EMBEDDED_FILES.includes(name) ? byteFile(name, new Blob([await files.readEmbedded(`model/${name}`)])) : null;
  const model = await openModelFolder(new LocalFolder('embedded', find));
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
