import type { Batch } from '../base/batch.ts';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Device } from '../device/device.ts';
import type { Network } from '../models/network.ts';
import { openNetwork, readTexts } from '../run/models/open-network.ts';
import { encodeExamples } from '../tasks/fit.ts';
import type { Task } from '../tasks/task.ts';
import { openTensors } from '../weights/model-files.ts';

const file = (name: string): Buffer =>
  readFileSync(fileURLToPath(new URL(`../../public/embedded/model/${name}`, import.meta.url)));

const PLANTS = ['a tall tree with white bark', 'a climbing shrub with red berries', 'a herb with yellow flowers'];
const ANIMALS = ['a large striped cat of Asia', 'a small bird that sings at night', 'a breed of horse from Wales'];
const FOODS = ['a flat cake baked on a stone', 'a thick soup of beans and pork', 'a sweet drink made from apples'];
const PLACES = ['the largest city in Portugal', 'a river that flows north to the sea', 'a mountain pass in the Alps'];
const LABELS = { plant: PLANTS, animal: ANIMALS, food: FOODS, place: PLACES };

/** The embedded model and batches of a small task in its vocabulary. */
export async function embeddedModel(
  device: Device,
): Promise<{ network: Network; read: (name: string) => Promise<Float32Array>; batches: Batch[] }> {
  const json = (name: string): unknown => JSON.parse(file(name).toString('utf8'));
  const weights = file('model.safetensors');
  const tensors = await openTensors([
    {
      name: 'model.safetensors',
      bytes: weights.length,
      read: (begin, end) => Promise.resolve(new Uint8Array(weights.subarray(begin, end))),
      discard: () => Promise.resolve(),
    },
  ]);
  const lengths = { sourceLength: 64, targetLength: 4 };
  const texts = {
    config: json('config.json'),
    tokenizer: json('tokenizer.json'),
    tokenizerConfig: json('tokenizer_config.json'),
    generationConfig: null,
    chatTemplate: () => Promise.resolve(null),
    licence: () => Promise.resolve(null),
  };
  const known = await readTexts(texts, { promptForm: 'raw' });
  const { network, tokenizer } = openNetwork(device, tensors, lengths, known);
  const instruction = 'What is the topic of the following paragraph? Choose one from the option.\n';
  // Interleave the kinds, so that every batch has several labels.
  const train = PLANTS.flatMap((_, i) =>
    Object.entries(LABELS).map(([label, sentences]) => ({ sentence: sentences[i], label })),
  );
  const task: Task = { name: 'gloss', kind: 'TC', instruction, labels: Object.keys(LABELS), train, dev: [], test: [] };
  const { encoded } = await encodeExamples(tokenizer, task, train, lengths.sourceLength);
  const batches = [0, 6].map((first) => encoded.slice(first, first + 6));
  return { network, read: (name) => tensors.readTensor(name), batches };
}
