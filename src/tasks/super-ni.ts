import { reportOf } from '../base/errors.ts';
import type { LoadedTask, ReadText } from './benchmark.ts';
import { frameOf } from './frames.ts';
import { publishedSplits } from './published-splits.ts';

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

/** The files of a task, below the folder that holds `SuperNI`: train, dev and test. */
export const superNiPaths = (name: string): string[] =>
  ['train', 'dev', 'test'].map((split) => `SuperNI/${SUPERNI_FOLDERS[name]}/${split}.json`);

/** Reads files of `SuperNI` where they are: SAPT and GainLoRA publish that folder inside one named `CL_Benchmark`. */
const fromEitherPlace =
  (read: ReadText): ReadText =>
  async (path) => {
    const isMissing = (thrown: unknown): boolean => reportOf(thrown).code === 'tasks/not-found';
    try {
      return await read(path);
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      return read(`CL_Benchmark/${path}`).catch((second: unknown) => {
        throw isMissing(second) ? thrown : second;
      });
    }
  };

/**
 * Loads a task in the published layout, `SuperNI/{folder}/{train,dev,test}.json`, also inside `CL_Benchmark`.
 *
 * @param name one of {@link SUPERNI_FOLDERS}.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
export async function loadSuperNi(read: ReadText, name: string): Promise<LoadedTask> {
  const { definition, warnings, ...splits } = await publishedSplits(
    fromEitherPlace(read),
    superNiPaths(name),
    'SuperNI',
  );
  const task = { name, kind: 'SuperNI', instruction: null, labels: [], form: 'free' as const, ...splits };
  return { task: { ...task, frame: frameOf('super-ni', definition) }, leftOut: [], warnings };
}
