import { GorpError } from '../base/errors.ts';
import { answeredTexts } from './answered.ts';
import type { ReadText } from './benchmark.ts';
import { recognise } from './formats/recognise.ts';
import { parseJsonRows } from './json-rows.ts';
import type { Example } from './task.ts';

/** The splits of a published task with free answers, and what was left out of them, in sentences. */
export interface PublishedSplits {
  train: Example[];
  dev: Example[];
  test: Example[];
  /** The definition of the task, if its file has one. */
  definition: string | null;
  warnings: string[];
}

/**
 * Reads the three files of a published task with free answers.
 *
 * @param paths of the splits for training, development and testing.
 * @param format that each file must have.
 * @throws GorpError `tasks/…`, naming the file; `tasks/empty` if nothing is left to train on or to test.
 */
export async function publishedSplits(
  read: ReadText,
  paths: readonly string[],
  format: 'SuperNI' | 'TRACE',
): Promise<PublishedSplits> {
  const warnings: string[] = [];
  const split = async (path: string): Promise<{ examples: Example[]; definition: string | null }> => {
    const { columns, rows, lines, nested } = parseJsonRows(await read(path), path);
    if (rows.length === 0) return { examples: [], definition: null };
    const table = { columns, rows, lines, nested, warnings: [] };
    const found = recognise(table);
    if (found.format !== format) {
      throw new GorpError('tasks/wrong-shape', `${path} is not a task of ${format}.`, NEXT_STEPS[format]);
    }
    const answered = answeredTexts(table, found, 'every');
    warnings.push(...answered.warnings.map((warning) => `${path}: ${warning}`));
    return { examples: answered.units.flat(), definition: found.instruction };
  };
  const [train, dev, test] = await Promise.all(paths.map(split));
  for (const [i, { examples }] of [train, test].entries()) {
    if (examples.length > 0) continue;
    const what = i === 0 ? 'train on' : 'test';
    throw new GorpError('tasks/empty', `${paths[2 * i]} has nothing to ${what}.`, 'Use the files as published.');
  }
  return {
    ...{ train: train.examples, dev: dev.examples, test: test.examples },
    ...{ definition: train.definition, warnings },
  };
}

const NEXT_STEPS = {
  SuperNI: 'It must have a Definition and Instances, as published.',
  TRACE: 'It must be a list of objects with prompt and answer, as published.',
} as const;
