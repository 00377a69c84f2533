import type { Score } from './forms.ts';

/**
 * The tasks of TRACE (Wang et al. 2023), in its order, with the score that stands for the published one: exact match for
 * accuracy. Where TRACE has a measure of its own, ROUGE-L stands in: for the choice and the reasons of ScienceQA, the edit
 * similarity of Py150, and SARI of 20Minuten.
 */
export const TRACE_SCORES: Readonly<Record<string, Score>> = {
  'C-STANCE': 'exact',
  FOMC: 'exact',
  MeetingBank: 'rougeL',
  Py150: 'rougeL',
  ScienceQA: 'rougeL',
  'NumGLUE-cm': 'exact',
  'NumGLUE-ds': 'exact',
  '20Minuten': 'rougeL',
};

/** Kind of every dataset of CL_Benchmark. */
export const BENCHMARK_KINDS: Readonly<Record<string, string>> = {
  amazon: 'SC',
  yelp: 'SC',
  IMDB: 'SC',
  'SST-2': 'SC',
  dbpedia: 'TC',
  yahoo: 'TC',
  agnews: 'TC',
  MNLI: 'NLI',
  CB: 'NLI',
  RTE: 'NLI',
  QQP: 'QQP',
  BoolQA: 'BoolQA',
  COPA: 'COPA',
  MultiRC: 'MultiRC',
  WiC: 'WiC',
};

/** Kind of every embedded task. */
export const EMBEDDED_KINDS: Readonly<Record<string, string>> = {
  gloss: 'TC',
  field: 'TC',
  people: 'TC',
  emoji: 'TC',
  mood: 'SC',
  pos: 'TC',
  action: 'TC',
  notion: 'TC',
};

/** The default order of the embedded tasks. `mood` is left out because it is hard for so small a model. */
export const EMBEDDED_ORDER: readonly string[] = ['gloss', 'field', 'people', 'emoji'];

/** An embedded task, or a part of one with some of its labels. */
interface EmbeddedTask {
  /** The task whose files are read. */
  readonly source: string;
  readonly kind: string;
  /** Part `part` of `parts`, from 1; null for the whole task. */
  readonly cut: { readonly part: number; readonly parts: number } | null;
}

/** The embedded task of a name: `gloss`, or `gloss-1of2` for the first half of its labels. Null if there is none. */
export function embeddedTask(name: string): EmbeddedTask | null {
  const [, source = name, part, parts] = /^(.+)-([1-9])of([2-9])$/.exec(name) ?? [];
  if (!Object.hasOwn(EMBEDDED_KINDS, source)) return null;
  const kind = EMBEDDED_KINDS[source];
  if (part === undefined) return { source, kind, cut: null };
  return Number(part) <= Number(parts) ? { source, kind, cut: { part: Number(part), parts: Number(parts) } } : null;
}

/** The settings of one round as published, under the names of the run's settings; absent where nothing was published. */
export interface RoundSettings {
  seed?: number;
  epochs: number;
  /** Examples per forward and backward pass. */
  batchSize: number;
  /** Passes averaged in one step, over all processes of the scripts. */
  gradientAccumulation: number;
  evaluationBatchSize?: number;
  sourceLength: number;
  targetLength: number;
  maxGradNorm?: number;
  learningRate: number;
  loraRank?: number;
  loraAlpha?: number;
  loraDropout?: number;
  galoreRank?: number;
  galoreLearningRate?: number;
  galoreScale?: number;
  updateProjGap?: number;
}

/** One task of a published order. */
interface Round {
  dataset: string;
  kind: string;
  settings: RoundSettings;
}

/** A published order of a benchmark's datasets. */
export interface PublishedOrder {
  family: 't5' | 'llama' | 'superni' | 'trace';
  /** The benchmark whose folder it needs. */
  benchmark: 'CL_Benchmark' | 'SuperNI' | 'TRACE';
  /** Its number within the family. */
  order: number;
  rounds: readonly Round[];
}

const T5_SHORT: RoundSettings = {
  seed: 42,
  epochs: 1,
  batchSize: 4,
  gradientAccumulation: 16,
  evaluationBatchSize: 64,
  sourceLength: 512,
  targetLength: 50,
  maxGradNorm: 1,
  learningRate: 1e-3,
  loraRank: 8,
  loraAlpha: 32,
  loraDropout: 0.1,
  galoreRank: 8,
  galoreLearningRate: 1e-5,
  galoreScale: 1,
  updateProjGap: 10,
};
const T5_LONG: RoundSettings = {
  ...T5_SHORT,
  evaluationBatchSize: 128,
  galoreRank: 32,
  galoreScale: 0.25,
  updateProjGap: 20,
};
const LLAMA: RoundSettings = {
  ...T5_SHORT,
  batchSize: 1,
  gradientAccumulation: 64,
  evaluationBatchSize: 4,
  learningRate: 2e-4,
  galoreLearningRate: 1e-6,
  galoreScale: 0.25,
  updateProjGap: 20,
};
/** InfLoRA with T5-large (GainLoRA). There, up to 100 epochs end at the best one on the dev set. */
const SUPERNI: RoundSettings = {
  epochs: 100,
  batchSize: 4,
  gradientAccumulation: 8,
  sourceLength: 512,
  targetLength: 50,
  learningRate: 3e-4,
  loraRank: 4,
  loraAlpha: 32,
  loraDropout: 0,
};
/**
 * LoRA with LLaMA-2-7B-chat (train_lora.sh, eight processes). The script asks for a cosine, but main.py takes
 * `get_constant_schedule_with_warmup`.
 */
const TRACE: RoundSettings = {
  seed: 1234,
  epochs: 5,
  batchSize: 1,
  gradientAccumulation: 64,
  evaluationBatchSize: 16,
  sourceLength: 1024,
  targetLength: 512,
  learningRate: 1e-4,
};
const TRACE_EPOCHS = {
  FOMC: { epochs: 3 },
  MeetingBank: { epochs: 7 },
  ScienceQA: { epochs: 3 },
  '20Minuten': { epochs: 7 },
};
const TWO_EPOCHS_OF_MNLI = { MNLI: { epochs: 2 } };

// Orders 1-3 of both families share their sequences.
const SHORT = ['dbpedia amazon yahoo agnews', 'dbpedia amazon agnews yahoo', 'yahoo amazon agnews dbpedia'];

/**
 * The published orders with the hyper-parameters of the released scripts: docs/method.md, section 5; of SuperNI and TRACE
 * docs/tasks.md.
 */
export const PUBLISHED_ORDERS: readonly PublishedOrder[] = [
  ...SHORT.map((sequence, i) => published('t5', i + 1, sequence, T5_SHORT)),
  published('t5', 4, 'MNLI CB WiC COPA QQP BoolQA RTE IMDB yelp amazon SST-2 dbpedia agnews MultiRC yahoo', T5_LONG),
  published(
    't5',
    5,
    'MultiRC BoolQA WiC MNLI CB COPA QQP RTE IMDB SST-2 dbpedia agnews yelp amazon yahoo',
    T5_LONG,
    TWO_EPOCHS_OF_MNLI,
  ),
  published(
    't5',
    6,
    'yelp amazon MNLI CB COPA QQP RTE IMDB SST-2 dbpedia agnews yahoo MultiRC BoolQA WiC',
    T5_LONG,
    TWO_EPOCHS_OF_MNLI,
  ),
  ...SHORT.map((sequence, i) => published('llama', i + 1, sequence, LLAMA)),
  published('superni', 1, superNi('1572 363 1290 181 002 1510 639 1729 073 1590 748 511 591 1687 875'), SUPERNI),
  published('superni', 2, superNi('748 073 1590 639 1572 1687 591 363 1510 1729 181 511 002 1290 875'), SUPERNI),
  published('trace', 1, Object.keys(TRACE_SCORES).join(' '), TRACE, TRACE_EPOCHS),
];

/** Id of an order on the command line and in order files: `1` to `6`, `llama-1` to `llama-3`, `superni-1`, `trace`. */
export function orderId({ family, order }: PublishedOrder): string {
  if (family === 'trace') return family;
  return family === 't5' ? `${order}` : `${family}-${order}`;
}

/** The ids of all published orders, in a sentence. */
export const ORDER_IDS = '1 to 6, llama-1 to llama-3, superni-1, superni-2, trace';

/** The published order with this {@link orderId}, if there is one. */
export const publishedOrder = (id: string): PublishedOrder | undefined =>
  PUBLISHED_ORDERS.find((order) => orderId(order) === id);

function superNi(numbers: string): string {
  return numbers.replaceAll(/\d+/g, 'task$&');
}

function published(
  family: PublishedOrder['family'],
  order: number,
  sequence: string,
  settings: RoundSettings,
  exceptions: Readonly<Record<string, Partial<RoundSettings>>> = {},
): PublishedOrder {
  const benchmark = family === 'superni' ? 'SuperNI' : family === 'trace' ? 'TRACE' : 'CL_Benchmark';
  const rounds = sequence.split(' ').map((dataset): Round => {
    const kind = BENCHMARK_KINDS[dataset] ?? benchmark;
    return { dataset, kind, settings: { ...settings, ...exceptions[dataset] } };
  });
  return { family, benchmark, order, rounds };
}
