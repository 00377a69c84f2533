import { longestOf } from '../../base/batch.ts';
import { chunks } from '../../base/statistics.ts';
import type { TokenizerGuard } from '../../base/tokenizer-config.ts';
import type { OwnedBuffer } from '../../device/buffers.ts';
import type { Device } from '../../device/device.ts';
import { Learner } from '../../gorp/learner.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { planOf } from '../../methods/registry.ts';
import { type Layers, plainLayers } from '../../models/layers.ts';
import type { Network } from '../../models/network.ts';
import { Parameters, type ReadParameter } from '../../models/parameters.ts';
import { checkTrainedLayers, mergedReader } from '../../weights/exports/merge.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import type { SavedRound } from '../files/saved-round.ts';
import { frozenPacking } from '../models/frozen-weights.ts';
import { chosenTargets, type OpenedNetwork, openNetwork, readTexts } from '../models/open-network.ts';
import { readParameter, storedTypeOf } from '../models/packed-blocks.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import { decodeToEnd, type WrittenText, writtenText } from './decoding.ts';

/** How prompts are read and answers written. */
export interface Answering extends Pick<TrainingSettings, 'promptForm' | 'frozenWeights' | 'evaluationBatchSize'> {
  /** Tokens of an answer, including the one that ends it. */
  readonly maxNewTokens: number;
  /** The local time that a chat template prints, if not the present: {@link ModelReport.date}. */
  readonly date?: string | undefined;
  /** Of the model's tokenizer. */
  readonly guard?: TokenizerGuard;
}

/**
 * Answers prompts greedily, in order, a batch at a time. Prompts are never cut.
 *
 * @param prompts texts, or token ids to read as they are.
 * @param trained what a round trained; if undefined, the base model answers.
 * @param onLoaded called with the name of each parameter that is on the device, and the number of parameters.
 * @throws GorpError `model/…` and `text/…` as {@link readTexts}, `weights/other-model`, `settings/text-too-long` when a
 *   prompt and its answer may take more tokens than the model has positions for, `device/…`. Nothing stays allocated.
 */
export async function* answerPrompts(
  device: Device,
  model: ModelFiles,
  prompts: readonly (string | readonly number[])[],
  answering: Answering,
  trained?: SavedRound,
  onLoaded?: (name: string, of: number) => void,
): AsyncGenerator<WrittenText> {
  const { maxNewTokens, frozenWeights, evaluationBatchSize } = answering;
  if (trained) checkTrainedLayers(model, trained.changed);
  const known = await readTexts(model, answering, answering.guard);
  const sources = prompts.map((prompt) => (typeof prompt === 'string' ? known.tokenizer.encodePrompt(prompt) : prompt));
  const byPrompt = trained?.changes.byPrompt !== undefined;
  const forTexts = { sourceLength: longestOf(sources), targetLength: maxNewTokens, byPrompt };
  const opened = openNetwork(device, model, forTexts, known);
  const { network } = opened;
  let loaded: Loaded | undefined;
  try {
    const loading = { device, model, opened, frozenWeights, onLoaded };
    loaded = trained && byPrompt ? await learnedModel(loading, trained) : await mergedModel(loading, trained);
    const { layers } = loaded;
    for (const batch of chunks(sources, evaluationBatchSize)) {
      for (const tokens of await writeBatch(device, network, layers, batch, maxNewTokens + 1)) {
        yield writtenText(tokens, network.tokens.endIds, known.tokenizer);
      }
    }
  } finally {
    loaded?.destroy();
    network.destroy();
  }
}

/** A model whose weights are on the device. */
interface Loaded {
  readonly layers: Layers;
  destroy(): void;
}

interface Loading extends Pick<Answering, 'frozenWeights'> {
  readonly device: Device;
  readonly model: ModelFiles;
  readonly opened: OpenedNetwork;
  readonly onLoaded: ((name: string, of: number) => void) | undefined;
}

/** The base model, with what a round trained merged into its weights. */
async function mergedModel(loading: Loading, trained: SavedRound | undefined): Promise<Loaded> {
  const { device, model, opened, onLoaded } = loading;
  const { network, storedName } = opened;
  const isTrained = (name: string): boolean => trained?.changed.has(name.replace(/\.weight$/, '')) ?? false;
  const merged = mergedReader(model, trained);
  const read: ReadParameter = (name, packing) =>
    isTrained(name) ? merged(storedName(name)) : readParameter(model, storedName(name), packing);
  const parameters = await Parameters.load(device, network.shapes, read, {
    // Trained weights are f32, as in training.
    packing: (name) => (isTrained(name) ? undefined : packingOf(loading, name)),
    onLoaded: (name) => onLoaded?.(name, network.shapes.size),
  });
  return { layers: plainLayers((name) => parameters.tensor(name)), destroy: () => parameters.destroy() };
}

/** The model as the run had it after a round: adapters stay separate, since how much each counts depends on the prompt. */
async function learnedModel(loading: Loading, { results, state }: SavedRound): Promise<Loaded> {
  const { device, model, opened, onLoaded } = loading;
  const { network, targets, storedName } = opened;
  const { settings } = results;
  const learner = await Learner.create(
    device,
    network,
    planOf(settings.method),
    chosenTargets(settings, network.shapes, targets),
    {
      seed: settings.training.seed,
      maxGradNorm: settings.training.maxGradNorm,
      gradientAccumulation: 1,
      tasks: settings.order.length,
      packing: (name) => packingOf(loading, name),
    },
    (name, packing) => readParameter(model, storedName(name), packing),
    (name) => onLoaded?.(name, network.shapes.size),
  );
  try {
    await learner.restore(state.learner);
  } catch (thrown) {
    learner.destroy();
    throw thrown;
  }
  return learner;
}

const packingOf = ({ frozenWeights, model, opened }: Loading, name: string): ReturnType<typeof frozenPacking> =>
  frozenPacking(
    ...([frozenWeights, name, opened.network.shapes.get(name) ?? []] as const),
    storedTypeOf(model, opened.storedName(name)),
  );

/** The tokens of the answers to a batch of prompts. @param capacity the maximum length of an answer, plus one. */
async function writeBatch(
  device: Device,
  network: Network,
  layers: Layers,
  sources: readonly (readonly number[])[],
  capacity: number,
): Promise<Uint32Array[]> {
  const owned: OwnedBuffer[] = [];
  try {
    const tokens = network.sourceTokens(sources);
    const generation = network.generation({ B: sources.length, tokens, capacity }, owned);
    generation.start(sources);
    const reading = new Graph();
    const prefill = await compile(device, 'read prompts', reading, generation.prefill(reading, layers));
    try {
      await device.run([prefill.program]);
    } finally {
      prefill.destroy();
    }
    let step: Compiled | undefined;
    const stepOf = async (rows: number): Promise<Compiled> => {
      step?.destroy();
      step = undefined;
      const writing = new Graph();
      generation.decodeStep(writing, layers, rows);
      return (step = await compile(device, 'write answers', writing, []));
    };
    try {
      return await decodeToEnd(device, generation, sources.length, stepOf);
    } finally {
      step?.destroy();
    }
  } finally {
    for (const buffer of owned) buffer.destroy();
  }
}
