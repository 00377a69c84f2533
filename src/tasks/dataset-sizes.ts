import { EMBEDDED_TEXTS } from './embedded-tasks.ts';

/** The facts of a dataset before it is read. */
interface DatasetSize {
  /** Number of examples. */
  readonly train: number;
  readonly test: number;
  /** Average tokens of a prompt, including question and labels. */
  readonly promptTokens: number;
}

const size = (train: number, test: number, promptTokens: number): DatasetSize => ({ train, test, promptTokens });

/**
 * Sizes of the embedded tasks and of the datasets of CL_Benchmark and SuperNI as published, used only for estimates. A run counts the
 * examples in the files.
 */
export const DATASET_SIZES: Readonly<Record<string, DatasetSize>> = {
  gloss: size(1200, 238, 64),
  field: size(994, 195, 64),
  people: size(571, 150, 64),
  emoji: size(761, 207, 56),
  mood: size(1200, 236, 48),
  pos: size(1200, 240, 49),
  action: size(1200, 240, 59),
  notion: size(1200, 240, 60),
  kinds: size(0, EMBEDDED_TEXTS.kinds.count, 18),
  definitions: size(0, EMBEDDED_TEXTS.definitions.count, 20),
  amazon: size(5000, 7600, 155),
  yelp: size(5000, 7600, 220),
  IMDB: size(2000, 7600, 340),
  'SST-2': size(2000, 872, 60),
  dbpedia: size(14_000, 7600, 145),
  yahoo: size(10_000, 7600, 190),
  agnews: size(4000, 7600, 105),
  MNLI: size(3000, 7600, 90),
  CB: size(250, 56, 130),
  RTE: size(2000, 277, 125),
  QQP: size(2000, 7600, 80),
  BoolQA: size(2000, 3270, 200),
  COPA: size(400, 100, 80),
  MultiRC: size(2000, 4848, 440),
  WiC: size(2000, 638, 65),
  task002: size(1000, 100, 594),
  task073: size(975, 100, 149),
  task1290: size(1000, 100, 542),
  task1510: size(1000, 100, 96),
  task1572: size(160, 20, 201),
  task1590: size(126, 16, 258),
  task1687: size(1000, 100, 70),
  task1729: size(1000, 100, 222),
  task181: size(338, 43, 262),
  task363: size(1000, 100, 89),
  task511: size(1000, 100, 564),
  task591: size(1000, 100, 47),
  task639: size(142, 18, 60),
  task748: size(1000, 100, 181),
  task875: size(1000, 100, 82),
};
