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
export interface EmbeddedTask {
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

/** The settings of one round in the released scripts, under the names of the run's settings. */
export interface RoundSettings {
  seed: number;
  epochs: number;
  /** Examples per forward and backward pass. */
  batchSize: number;
  /** Passes averaged in one step, over all 8 processes of the scripts: 64 examples per step. */
  gradientAccumulation: number;
  evaluationBatchSize: number;
  sourceLength: number;
  targetLength: number;
  maxGradNorm: number;
  learningRate: number;
  loraRank: number;
  loraAlpha: number;
  loraDropout: number;
  galoreRank: number;
  galoreLearningRate: number;
  galoreScale: number;
  updateProjGap: number;
  projType: 'std';
}

/** One task of a published order. */
export interface Round {
  dataset: string;
  kind: string;
  settings: RoundSettings;
}

/** A published order of the benchmark's datasets. */
export interface PublishedOrder {
  family: 't5' | 'llama';
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
  projType: 'std',
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
const TWO_EPOCHS_OF_MNLI = { MNLI: { epochs: 2 } };

// Orders 1-3 of both families share their sequences.
const SHORT = ['dbpedia amazon yahoo agnews', 'dbpedia amazon agnews yahoo', 'yahoo amazon agnews dbpedia'];

/** The published orders with the hyper-parameters of the released scripts: docs/method.md, section 5. */
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
];

/** Id of an order on the command line and in order files: `1` to `6`, `llama-1` to `llama-3`. */
export const orderId = ({ family, order }: PublishedOrder): string => (family === 't5' ? `${order}` : `llama-${order}`);

/** The published order with this {@link orderId}, if there is one. */
export const publishedOrder = (id: string): PublishedOrder | undefined =>
  PUBLISHED_ORDERS.find((order) => orderId(order) === id);

function published(
  family: PublishedOrder['family'],
  order: number,
  sequence: string,
  settings: RoundSettings,
  exceptions: Readonly<Record<string, Partial<RoundSettings>>> = {},
): PublishedOrder {
  const rounds = sequence.split(' ').map((dataset): Round => {
    return { dataset, kind: BENCHMARK_KINDS[dataset], settings: { ...settings, ...exceptions[dataset] } };
  });
  return { family, order, rounds };
}
