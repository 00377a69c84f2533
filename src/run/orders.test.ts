import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { PUBLISHED_ORDERS, publishedOrder } from '../tasks/orders.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { hasShared, sharedPath } from '../testing/shared.ts';
import { tinyHost, tinyModel } from '../testing/tiny-run.ts';
import type { RunEvent } from './events.ts';
import { publishedSettings } from './presets.ts';
import { Run } from './run.ts';
import type { RunSettings } from './settings.ts';
import { prepareTask, type TaskHost } from './task-data.ts';

const readBenchmark = (path: string): Promise<string> =>
  readFile(sharedPath('cl-benchmark', ...path.split('/')), 'utf8');
const host: TaskHost = { taskReader: () => readBenchmark, ownTask: () => Promise.resolve(undefined) };

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

describe.skipIf(!hasShared)('published orders on the sub-sample of CL_Benchmark', () => {
  const json = (name: string): unknown => JSON.parse(readFileSync(sharedPath('tokenizers', 't5', name), 'utf8'));
  const tokenizer = hasShared ? loadTokenizer(json('tokenizer.json'), json('tokenizer_config.json')) : undefined;
  const datasets = [...new Set(PUBLISHED_ORDERS.flatMap(({ rounds }) => rounds.map(({ dataset }) => dataset)))];

  it.each(datasets)('%s is prepared as published, every label in the sample', { timeout: 60_000 }, async (name) => {
    if (tokenizer === undefined) throw new Error('no tokenizer');
    const settings = smallOrder('4', 30, 15);
    const warnings: string[] = [];
    const task = await prepareTask(host, name, settings, tokenizer, (message) => warnings.push(message));
    expect([task.train.length, task.test.length]).toEqual([30, 15]);
    expect(new Set(task.testLabels).size).toBe(Math.min(task.labels.length, 15));
    expect(task.train.every(({ source }) => source.length <= settings.training.sourceLength)).toBe(true);
    expect(new Set(task.candidates.map((ids) => ids.join())).size).toBe(task.labels.length);
    const rows = JSON.parse(await readBenchmark(`CL_Benchmark/${task.kind}/${name}/test.json`)) as { label: string }[];
    const unusable = rows.filter(({ label }) => !task.labels.includes(label)).length;
    expect(warnings.some((message) => message.includes(`${unusable} row`))).toBe(unusable > 0);
  });

  it('order 1 goes through all of its four datasets', { timeout: 240_000 }, async () => {
    const settings = smallOrder('1', 4, 2);
    // The tiny model knows ten words; what it does not know is one token.
    settings.training.sourceLength = 128;
    settings.training.gradientAccumulation = 1;
    const events: RunEvent[] = [];
    const model = tinyModel();
    await new Run(
      tinyHost((event) => events.push(event), { ...host, openModel: () => Promise.resolve(model) }),
      settings,
    ).execute();
    const last = events.at(-1);
    if (last?.type !== 'finished') throw new Error(JSON.stringify(last));
    expect(last.results.tasks.map(({ name }) => name)).toEqual(settings.order);
    expect(last.results.tasks.every((task) => task.trainExamples === 4 && task.testExamples === 2)).toBe(true);
    expect(last.results.accuracy.exact.at(-1)?.every((cell) => cell !== null)).toBe(true);
    expect(new Set(last.results.curves.round).size).toBe(4);
    expect(last.results.memory.liveBuffersAtEnd).toBe(0);
  });
});
