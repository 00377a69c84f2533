import { GorpError } from '../base/errors.ts';
import { answeredTexts } from './answered.ts';
import type { ReadText } from './benchmark.ts';
import { recognise } from './formats/recognise.ts';
import { frameOf } from './frames.ts';
import { parseJsonRows } from './json-rows.ts';
import type { Example, Task } from './task.ts';

/** The folders of the SuperNI tasks that the published orders use, by the tasks' short names. */
export const SUPERNI_FOLDERS: Readonly<Record<string, string>> = {
  task002: 'task002_quoref_answer_generation',
  task073: 'task073_commonsenseqa_answer_generation',
  task1290: 'task1290_xsum_summarization',
  task1510: 'task1510_evalution_relation_extraction',
  task1572: 'task1572_samsum_summary',
  task1590: 'task1590_diplomacy_text_generation',
  task1687: 'task1687_sentiment140_classification',
  task1729: 'task1729_personachat_generate_next',
  task181: 'task181_outcome_extraction',
  task363: 'task363_sst2_polarity_classification',
  task511: 'task511_reddit_tifu_long_text_summarization',
  task591: 'task591_sciq_answer_generation',
  task639: 'task639_multi_woz_user_utterance_generation',
  task748: 'task748_glucose_reverse_cause_event_detection',
  task875: 'task875_emotion_classification',
};

const sequence = (numbers: string): string[] => numbers.split(' ').map((number) => `task${number}`);

/** The published orders of SuperNI (SAPT, GainLoRA), by their names on the command line. */
export const SUPERNI_ORDERS: Readonly<Record<string, readonly string[]>> = {
  'superni-1': sequence('1572 363 1290 181 002 1510 639 1729 073 1590 748 511 591 1687 875'),
  'superni-2': sequence('748 073 1590 639 1572 1687 591 363 1510 1729 181 511 002 1290 875'),
};

/** The published settings of InfLoRA with T5-large. There, up to 100 epochs end at the best one on the dev set. */
export const SUPERNI_SETTINGS = {
  training: { epochs: 100, batchSize: 4, gradientAccumulation: 8, sourceLength: 512, targetLength: 50 },
  method: { learningRate: 3e-4, loraRank: 4, loraAlpha: 32, loraDropout: 0 },
} as const;

/**
 * Loads a task in the published layout, `SuperNI/{folder}/{train,dev,test}.json`.
 *
 * @param name one of {@link SUPERNI_FOLDERS}.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
export async function loadSuperNi(read: ReadText, name: string): Promise<Task> {
  const split = async (file: string): Promise<{ examples: Example[]; definition: string | null }> => {
    const path = `SuperNI/${SUPERNI_FOLDERS[name]}/${file}.json`;
    const { columns, rows, nested } = parseJsonRows(await read(path), path);
    if (rows.length === 0) return { examples: [], definition: null };
    const table = { columns, rows, nested, warnings: [] };
    const found = recognise(table);
    if (found.format !== 'SuperNI') {
      throw new GorpError(
        'tasks/wrong-shape',
        `${path} is not a task of SuperNI.`,
        'It must have a Definition and Instances, as published.',
      );
    }
    return { examples: answeredTexts(table, found, 'every').units.flat(), definition: found.instruction };
  };
  const [train, dev, test] = await Promise.all(['train', 'dev', 'test'].map(split));
  if (train.examples.length === 0 || test.examples.length === 0) {
    throw new GorpError(
      'tasks/empty',
      `SuperNI/${SUPERNI_FOLDERS[name]} has nothing to train on or to test.`,
      'Use the files as published.',
    );
  }
  return {
    ...{ name, kind: 'SuperNI', instruction: null, labels: [], form: 'free' },
    frame: frameOf('super-ni', train.definition),
    ...{ train: train.examples, dev: dev.examples, test: test.examples },
  };
}
