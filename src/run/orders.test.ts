import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PUBLISHED_ORDERS, publishedOrder } from '../tasks/orders.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { referencesWith, tokenizersOf } from '../testing/reference.ts';
import { TINY_FAMILIES } from '../testing/tiny-families.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { tinyHost } from '../testing/tiny-run.ts';
import type { RunEvent } from './events/events.ts';
import { publishedSettings } from './planning/presets.ts';
import { Run } from './run.ts';
import type { RunSettings } from './settings/settings.ts';
import { prepareTask, type TaskHost } from './tasks/task-data.ts';
import { finishedResults } from '../testing/ended-run.ts';

/** A published order with its settings, on a few examples. */
function smallOrder(id: string, trainExamples: number, testExamples: number): RunSettings {
  const order = publishedOrder(id);
  if (order === undefined) throw new Error(`no order ${id}`);
  const settings = publishedSettings(order, 'gorp');
  return {
    model: 'tiny',
    tasks: 'picked',
    ...settings,
    training: { ...settings.training, trainExamples, testExamples },
  };
}

describe.each(referencesWith('cl-benchmark', 'tokenizers'))('published orders on the rows of $name', (reference) => {
  const readBenchmark = (path: string): Promise<string> => readFile(reference.path(`cl-benchmark/${path}`), 'utf8');
  const host: TaskHost = { taskReader: () => readBenchmark, customTask: () => Promise.resolve(undefined) };
  const folder = tokenizersOf(reference).find(({ form, hasBytes }) => form === 'closed' && !hasBytes)?.folder;
  const json = (name: string): unknown => reference.json(`${folder}/${name}`);
  const tokenizer = loadTokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
  const published = PUBLISHED_ORDERS.filter(({ benchmark }) => benchmark === 'CL_Benchmark');
  const datasets = [...new Set(published.flatMap(({ rounds }) => rounds.map(({ dataset }) => dataset)))];

  it.each(datasets)('prepares %s as published, every label in the sample', { timeout: 60_000 }, async (name) => {
    const settings = smallOrder('4', 30, 15);
    const warnings: string[] = [];
    const task = await prepareTask(host, name, settings, tokenizer, (message) => warnings.push(message));
    const rowsOf = async (split: string): Promise<{ label: string }[]> =>
      JSON.parse(await readBenchmark(`CL_Benchmark/${task.kind}/${name}/${split}.json`)) as { label: string }[];
    const [train, test] = [await rowsOf('train'), await rowsOf('test')];
    const usable = (rows: { label: string }[]): number =>
      rows.filter(({ label }) => task.labels.includes(label)).length;
    expect([task.train.length, task.test.length]).toEqual([Math.min(30, usable(train)), Math.min(15, usable(test))]);
    expect(new Set(task.asked.map(({ label }) => label)).size).toBe(
      Math.min(new Set(test.map(({ label }) => label).filter((label) => task.labels.includes(label))).size, 15),
    );
    expect(task.train.every(({ source }) => source.length <= settings.training.sourceLength)).toBe(true);
    expect(new Set(task.candidates.map((ids) => ids.join())).size).toBe(task.labels.length);
    const unusable = test.length - usable(test);
    expect(warnings.some((message) => message.includes(`${unusable} row`))).toBe(unusable > 0);
  });

  it('order 1 runs through all its four datasets', { timeout: 240_000 }, async () => {
    const settings = smallOrder('1', 4, 2);
    settings.training.gradientAccumulation = 1;
    const events: RunEvent[] = [];
    // Reads bytes, so that it can tell all labels apart.
    const model = TINY_FAMILIES.find(({ family }) => family === 'byt5-tiny')?.open() ?? tinyModel();
    await new Run(
      tinyHost((event) => events.push(event), { ...host, openModel: () => Promise.resolve(model) }),
      settings,
    ).execute();
    const { tasks, accuracy, curves, memory } = finishedResults(events);
    expect(tasks.map(({ name }) => name)).toEqual(settings.order);
    expect(tasks.every((task) => task.trainExamples === 4 && task.testExamples === 2)).toBe(true);
    expect(accuracy.exact.at(-1)?.every((cell) => cell !== null)).toBe(true);
    expect(new Set(curves.round).size).toBe(4);
    expect(memory.liveBuffersAtEnd).toBe(0);
  });
});
