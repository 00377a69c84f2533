import type { TokenizerGuard } from '../base/tokenizer-guard.ts';
import type { OwnedBuffer } from '../device/buffers.ts';
import type { Device } from '../device/device.ts';
import { compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { type Layers, plainLayers } from '../models/layers.ts';
import type { Network } from '../models/network.ts';
import { Parameters, type ReadParameter } from '../models/parameters.ts';
import { bucketLength, SOURCE_BUCKET } from '../tasks/batches.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { mergedReader } from '../weights/exports/merge.ts';
import { checkTrainedLayers } from '../weights/exports/merged-model.ts';
import { decodeToEnd, type WrittenText, writtenText } from './decoding.ts';
import { frozenPacking } from './frozen-weights.ts';
import { openNetwork, readTexts } from './open-network.ts';
import { readParameter, storedTypeOf } from './packed-blocks.ts';
import type { SavedRound } from './outputs/saved-round.ts';
import type { TrainingSettings } from './settings.ts';

/** How prompts are read and answers written. */
export interface Answering extends Pick<TrainingSettings, 'promptForm' | 'frozenWeights' | 'evaluationBatchSize'> {
  /** Tokens of an answer, including the one that ends it. */
  readonly maxNewTokens: number;
  /** The local time that a chat template prints, if not the present: {@link ModelReport.date}. */
  readonly date?: string | undefined;
  /** Of the model's tokenizer. */
  readonly guard?: TokenizerGuard;
}

/** What to merge into the base model. */
type Trained = Pick<SavedRound, 'changed' | 'changes'>;

/**
 * Answers prompts greedily, in order, a batch at a time. Prompts are never cut.
 *
 * @param trained what a round trained; if undefined, the base model answers.
 * @param onLoaded called with the name of each parameter that is on the device, and the number of parameters.
 * @throws GorpError `model/…` and `text/…` as {@link readTexts}, `weights/other-model`, `settings/text-too-long` when a
 *   prompt and its answer may take more tokens than the model has positions for, `device/…`. Nothing stays allocated.
 */
export async function* answerPrompts(
  device: Device,
  model: ModelFiles,
  prompts: readonly string[],
  answering: Answering,
  trained?: Trained,
  onLoaded?: (name: string, of: number) => void,
): AsyncGenerator<WrittenText> {
  const { maxNewTokens, frozenWeights, evaluationBatchSize } = answering;
  if (trained) checkTrainedLayers(model, trained.changed);
  const known = await readTexts(model, answering, answering.guard);
  const sources = prompts.map((prompt) => known.tokenizer.encodePrompt(prompt));
  const lengths = { sourceLength: longestOf(sources), targetLength: maxNewTokens };
  const { network, storedName } = openNetwork(device, model, lengths, known);
  const isTrained = (name: string): boolean => trained?.changed.has(name.replace(/\.weight$/, '')) ?? false;
  const merged = trained && mergedReader(model, trained.changed, trained.changes);
  const read: ReadParameter = (name, packing) =>
    merged && isTrained(name) ? merged(storedName(name)) : readParameter(model, storedName(name), packing);
  let parameters: Parameters | undefined;
  try {
    parameters = await Parameters.load(device, network.shapes, read, {
      packing: (name) =>
        isTrained(name) // trained weights are f32, as in training
          ? undefined
          : frozenPacking(frozenWeights, name, network.shapes.get(name) ?? [], storedTypeOf(model, storedName(name))),
      onLoaded: (name) => onLoaded?.(name, network.shapes.size),
    });
    const loaded = parameters;
    const layers = plainLayers((name) => loaded.tensor(name));
    for (let at = 0; at < sources.length; at += evaluationBatchSize) {
      const batch = sources.slice(at, at + evaluationBatchSize);
      const S = bucketLength(longestOf(batch), SOURCE_BUCKET, lengths.sourceLength);
      for (const tokens of await writeBatch(device, network, layers, batch, { S, capacity: maxNewTokens + 1 })) {
        yield writtenText(tokens, network.tokens.endIds, known.tokenizer);
      }
    }
  } finally {
    parameters?.destroy();
    network.destroy();
  }
}

const longestOf = (sources: readonly (readonly number[])[]): number =>
  sources.reduce((longest, { length }) => Math.max(longest, length), 0);

/** The tokens of the answers to a batch of prompts. @param sizes tokens of a padded prompt; of an answer, and one more. */
async function writeBatch(
  device: Device,
  network: Network,
  layers: Layers,
  sources: readonly (readonly number[])[],
  { S, capacity }: { S: number; capacity: number },
): Promise<Uint32Array[]> {
  const owned: OwnedBuffer[] = [];
  try {
    const generation = network.generation({ B: sources.length, S, capacity }, owned);
    generation.start(sources);
    const reading = new Graph();
    const prefill = await compile(device, 'read prompts', reading, generation.prefill(reading, layers));
    try {
      await device.run([prefill.program]);
    } finally {
      prefill.destroy();
    }
    const writing = new Graph();
    generation.decodeStep(writing, layers);
    const step = await compile(device, 'write answers', writing, []);
    try {
      const tokens = await decodeToEnd(device, step, generation.state);
      return sources.map((_, row) => tokens.subarray(row * capacity + 1, (row + 1) * capacity));
    } finally {
      step.destroy();
    }
  } finally {
    for (const buffer of owned) buffer.destroy();
  }
}
