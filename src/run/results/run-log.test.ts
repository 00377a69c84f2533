import { describe, expect, test } from 'vitest';
import type { OutputFile } from '../../weights/exports/output-file.ts';
import { bytesOfFile } from '../../testing/output-files.ts';
import { quickResults } from '../../testing/scripted-results.ts';
import type { Results } from './results.ts';
import { csvRow, eventFileHead, eventOf, logColumns, logFiles, RunLog } from './run-log.ts';

const results = quickResults('gorp-plus', 1);
const isCompensated = 'taskRates' in results.settings.method && results.settings.method.taskRates === 'compensated';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// Written by tensorboard 2.21: its RecordWriter, with an Event of these values.
const HEAD = '1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110';
const WRITTEN: { step: number; time: number; values: [string, number][]; bytes: string }[] = [
  {
    step: 1,
    time: 1_700_000_001.25,
    values: [
      ['train/loss', 2.5],
      ['train/grad_norm', 0.125],
    ],
    bytes:
      '3800000000000000a3797d570900005040fc54d94110012a2b0a110a0a747261696e2f6c6f737315000020400a160a0f747261696e2f677261645f6e6f726d150000003ecf579ba5',
  },
  {
    step: 300,
    time: 1_700_000_002,
    values: [['test/ö|x/exact', 1]],
    bytes:
      '2600000000000000734fe3000900008040fc54d94110ac022a180a160a0f746573742fc3b67c782f6578616374150000803f398da0d7',
  },
];

describe('event files', () => {
  test.each(WRITTEN)('hold step $step as tensorboard writes it', ({ step, time, values, bytes }) => {
    expect(hex(eventOf({ step, time, values: new Map(values) }))).toBe(bytes);
  });

  test('begin with the version of the format', () => {
    expect(hex(eventFileHead({ startedAt: new Date(1_700_000_000_500).toISOString() }))).toBe(HEAD);
  });
});

test('a log that follows a run has what one has that is written at its end', () => {
  const whole = new RunLog().next(results);
  const log = new RunLog();
  const { curves, accuracy } = results;
  const upTo = (steps: number): typeof curves => ({
    ...curves,
    step: curves.step.slice(0, steps),
    round: curves.round.slice(0, steps),
    loss: curves.loss.slice(0, steps),
    gradientNorm: curves.gradientNorm.slice(0, steps),
    seconds: curves.seconds.slice(0, steps),
  });
  const first = curves.round.filter((round) => round === 1).length;
  const untested = { ...accuracy, exact: accuracy.exact.map((row, t) => (t < 2 ? row : row.map(() => null))) };
  untested.ranked = accuracy.ranked.map((row, t) => (t < 2 ? row : row.map(() => null)));
  const early = { ...results };
  delete early.probes;
  const parts = [
    ...log.next({ ...early, curves: upTo(2), accuracy: { exact: [], ranked: [] } }),
    ...log.next({ ...early, curves: upTo(first), accuracy: untested }),
    ...log.next(results),
  ];
  const flat = (records: typeof whole): string[] =>
    records.flatMap(({ step, values }) => [...values].map(([name, value]) => `${step} ${name} ${value}`)).sort();
  expect(flat(parts)).toEqual(flat(whole));
  expect(whole.filter(({ values }) => values.has('train/loss'))).toHaveLength(curves.step.length);
  const last = curves.step.at(-1);
  const exact = accuracy.exact.at(-1)?.[0];
  expect(flat(whole)).toContain(`${last} test/${results.tasks[0].name}/exact ${exact}`);
});

describe('tables', () => {
  const text = async (path: string): Promise<string> => {
    const file = logFiles(results).find((one) => one.path === path);
    if (file === undefined) throw new Error(path);
    return new TextDecoder().decode(await bytesOfFile(file));
  };

  test('the wide CSV has a column for each value, and a line for each moment', async () => {
    const lines = (await text('log.csv')).trim().split('\r\n');
    const columns = logColumns(results);
    expect(lines[0]).toBe(columns.join(','));
    expect(lines.slice(1).every((line) => line.split(',').length === columns.length)).toBe(true);
    const row = csvRow(['step', 'timestamp', 'b', 'a'], { step: 3, time: 0.5, values: new Map([['a', 0.25]]) });
    expect(row).toBe('3,1970-01-01T00:00:00.500Z,,0.25\r\n');
  });

  test("the Trainer's state has a line for each step, with epochs over all tasks", async () => {
    const state = JSON.parse(await text('trainer_state.json')) as {
      epoch: number;
      global_step: number;
      num_train_epochs: number;
      log_history: { step: number; epoch: number; loss: number }[];
    };
    const { step, loss } = results.curves;
    expect(state.log_history.map((line) => line.loss)).toEqual(loss);
    expect([state.global_step, state.epoch]).toEqual([step.at(-1), state.num_train_epochs]);
    expect(state.log_history.every(({ epoch }, i, all) => i === 0 || epoch > all[i - 1].epoch)).toBe(true);
  });

  test('a task that ended early has a part of its epochs, and compensated rates are not called rates', async () => {
    const { curves } = results;
    const steps = curves.round.filter((round) => round === 1).length;
    const file = (of: Results): OutputFile =>
      logFiles(of).find(({ path }) => path === 'trainer_state.json') as OutputFile;
    const stateOf = async (of: Results): Promise<{ epoch: number; log_history: Record<string, number>[] }> =>
      JSON.parse(new TextDecoder().decode(await bytesOfFile(file(of)))) as never;
    const early = { ...results, endedByLoss: [{ round: 1, step: steps, steps, planned: 2 * steps }] };
    const [whole, part] = await Promise.all([stateOf(results), stateOf(early)]);
    expect(whole.epoch - part.epoch).toBeCloseTo(results.settings.training.epochs / 2, 12);
    const rates = ['schedule_factor', 'learning_rate'].map((name) => name in whole.log_history[0]);
    expect(rates, JSON.stringify(results.settings.method)).toEqual(isCompensated ? [true, false] : [false, true]);
    const plain = await stateOf(quickResults('seq-lora', 1));
    expect(plain.log_history[0]).toMatchObject({ learning_rate: expect.any(Number) as number });
  });

  test("Avalanche's table has each test of a learned task, and what it lost", async () => {
    const [, ...lines] = (await text('eval_results.csv')).trim().split('\r\n');
    const { exact } = results.accuracy;
    const cells = lines.map((line) => line.split(','));
    expect(cells[0]).toEqual(['0', '0', String(exact[1][0]), '', '']);
    const last = cells.find(([task, round]) => task === '0' && round === '1');
    expect(Number(last?.[4])).toBeCloseTo((exact[1][0] ?? 0) - (exact[2][0] ?? 0), 12);
  });
});
