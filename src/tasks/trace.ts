import type { LoadedTask, ReadText } from './benchmark.ts';
import { frameOf } from './frames.ts';
import { publishedSplits } from './published-splits.ts';
import { TRACE_SCORES } from './trace-tasks.ts';

/** The files of a task, below the folder that holds all tasks: train, eval and test. */
export const tracePaths = (name: string): string[] => ['train', 'eval', 'test'].map((split) => `${name}/${split}.json`);

/**
 * Loads a task in the published layout, `{name}/{train,eval,test}.json` with `prompt` and `answer`. The prompts are
 * complete.
 *
 * @param name one of {@link TRACE_SCORES}.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
export async function loadTrace(read: ReadText, name: string): Promise<LoadedTask> {
  const { train, dev, test, warnings } = await publishedSplits(read, tracePaths(name), 'TRACE');
  const task = { name, kind: 'TRACE', instruction: null, labels: [], form: 'free' as const, train, dev, test };
  return { task: { ...task, frame: frameOf('bare', null), score: TRACE_SCORES[name] }, leftOut: [], warnings };
}
