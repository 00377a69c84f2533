import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Terminal } from '../../src/cli/terminal.ts';
import type { MethodName } from '../../src/methods/registry.ts';
import { embeddedSettings } from '../../src/run/planning/presets.ts';
import type { RunSettings } from '../../src/run/settings/settings.ts';
import { resultsOfScript } from '../../src/testing/scripted-results.ts';
import { StudyFolder } from './folder.ts';
import { parseStudyPlan, type PlannedRun, plannedRuns, planOfMethods, type StudyPlan } from './plan.ts';
import { conclude, executeStudy, type StudyOptions } from './runs.ts';

const PLAN = {
  schema: 'gorp-web/study-plan',
  version: 1,
  title: 'A study',
  claim: { statement: 'gorp ends above seq-lora.', part: 'main', entry: 'gorp', rivals: ['seq-lora'] },
  parts: [
    {
      name: 'main',
      about: 'Compares.',
      orders: [['gloss', 'field']],
      seeds: [1, 2],
      entries: [{ method: 'gorp' }, { method: 'seq-lora' }],
    },
  ],
};

const read = (change: object = {}): StudyPlan => parseStudyPlan(JSON.stringify({ ...PLAN, ...change }), 'plan.json');

/** A terminal that shows nothing. */
const SILENT = new Terminal(false, nowhere(), nowhere());

function nowhere(): NodeJS.WriteStream {
  return new Writable({ write: (_, __, done) => done() }) as unknown as NodeJS.WriteStream;
}

let out: string;
beforeEach(async () => {
  vi.stubGlobal('__APP_VERSION__', '1.0.0');
  vi.stubGlobal('__APP_COMMIT__', 'abcdef0');
  out = await mkdtemp(join(tmpdir(), 'study-'));
});
afterEach(() => rm(out, { recursive: true }));

const open = (plan: StudyPlan): Promise<StudyFolder> => StudyFolder.open(out, plan);

async function save(files: StudyFolder, run: PlannedRun): Promise<void> {
  await files.save(run, resultsOfScript(run.settings()));
}

const options = (plan: StudyPlan): StudyOptions => ({
  plan,
  out,
  shard: { index: 0, count: 1 },
  joins: false,
  format: 'markdown',
  machine: { device: 'cpu' },
});

test('reports on the existing runs, and says how many are missing', async () => {
  const folder = await open(read());
  const runs = plannedRuns(read(), read().parts[0], () => null);
  for (const run of runs.slice(0, 3)) await save(folder, run);
  await conclude(folder, 'markdown', SILENT);
  expect(await readFile(join(out, 'report.md'), 'utf8')).toContain('3 of 4 runs have been made.');
  expect((await readdir(join(out, 'plots'))).sort()).toEqual(['main-ap.svg', 'main-pareto.svg']);
  await save(folder, runs[3]);
  // All runs exist, so none is made.
  expect(await executeStudy(options(read()), SILENT)).toBe(0);
  expect(await readFile(join(out, 'report.md'), 'utf8')).toContain('4 of 4 runs have been made.');
});

test('saves curves if they are small, all or nothing if the plan says so, and continues a folder as it began', async () => {
  const plan = read();
  const [run] = plannedRuns(plan, plan.parts[0], () => null);
  const whole = resultsOfScript(run.settings());
  const { curves } = whole;
  const long = Array.from({ length: 501 }, (_, i) => i + 1);
  const longer = { round: long.map(() => 1), step: long, loss: long, gradientNorm: long, seconds: long };
  const savedBy = async (one: StudyPlan, results = whole): Promise<[steps: number, samples: number]> => {
    await rm(out, { recursive: true });
    const folder = await open(one);
    await folder.save(run, results);
    const outcome = await folder.outcomeOf(run);
    if (outcome === null || 'error' in outcome) throw new Error('the run is not there');
    return [outcome.results.curves.step.length, outcome.results.health.length];
  };
  expect(whole.health.length).toBeGreaterThan(0);
  expect(await savedBy(plan)).toEqual([curves.step.length, 0]);
  expect(await savedBy(plan, { ...whole, curves: longer })).toEqual([0, 0]);
  expect(await savedBy(read({ curves: true }))).toEqual([curves.step.length, whole.health.length]);
  await expect(open(read({ curves: false })), 'the folder has them').rejects.toMatchObject({ code: 'run/other-study' });
  await expect(open(plan), 'the plan leaves it open').resolves.toBeDefined();
  expect(await savedBy(read({ curves: false }))).toEqual([0, 0]);
});

test('refuses a second plan in a folder by name, and a run with other settings', async () => {
  const plan = read();
  const files = await open(plan);
  await expect(open({ ...plan, title: 'Another' })).rejects.toMatchObject({
    code: 'run/other-study',
    message: expect.stringContaining('A study') as string,
  });
  const [run, other] = plannedRuns(plan, plan.parts[0], () => null);
  await save(files, { ...run, settings: other.settings });
  await expect(files.outcomeOf(run)).rejects.toMatchObject({ code: 'run/other-study' });
});

test('settings that the model does not allow end the study by name, and no run counts as made', async () => {
  const training = { loraModules: ['encoder.block.*.layer.7.SelfAttention.q'] };
  const plan = read({ parts: [{ ...PLAN.parts[0], training }] });
  await expect(executeStudy(options(plan), SILENT)).rejects.toMatchObject({
    code: 'settings/modules',
    message: expect.stringMatching(/^main\/gorp-order1-seed1: .*layer\.7\.SelfAttention/) as string,
  });
  expect(await readdir(out), 'the folder is still free').toEqual([]);
});

describe('before any run', () => {
  test('tasks that cannot be read end the study', async () => {
    const plan = read({ tasks: join(out, 'no-tasks'), parts: [{ ...PLAN.parts[0], orders: [['yelp', 'amazon']] }] });
    await expect(executeStudy(options(plan), SILENT)).rejects.toMatchObject({
      code: 'tasks/not-found',
      message: expect.stringContaining('no-tasks') as string,
    });
    expect(await readdir(out)).toEqual([]);
  });

  test('a model that is gone ends the study', async () => {
    const plan = read({ model: join(out, 'no-model') });
    await expect(executeStudy(options(plan), SILENT)).rejects.toMatchObject({ code: 'run/unreadable-file' });
    expect(await readdir(out)).toEqual([]);
  });

  test('a program, a model or a task that has changed since the study was planned ends it by name', async () => {
    const runs = plannedRuns(read(), read().parts[0], () => null);
    for (const run of runs) await save(await open(read()), run);
    await rm(join(out, 'plan.json'));
    expect(await executeStudy(options(read()), SILENT)).toBe(0);
    expect(await executeStudy(options(read()), SILENT), 'the plan that began the study continues it').toBe(0);
    const there = await StudyFolder.planIn(out);
    const sources = there.sources ?? { code: '', model: '', tasks: {} };
    expect(Object.keys(sources.tasks)).toEqual(['gloss', 'field']);
    expect(sources.code).toBe('abcdef0');
    vi.stubGlobal('__APP_COMMIT__', 'abcdef012');
    expect(await executeStudy(options(read()), SILENT), 'the same commit with more digits').toBe(0);
    vi.stubGlobal('__APP_COMMIT__', 'abcdef0');
    const other = '0'.repeat(64);
    const changes: [Partial<typeof sources>, RegExp][] = [
      [{ code: 'fedcba9' }, /begun at the commit fedcba9 of this program, which is at abcdef0 now/],
      [{ model: other }, /^The model's files have changed since the study of/],
      [{ tasks: { ...sources.tasks, field: other } }, /labels or question of the task field have changed/],
      [{ scores: { gloss: 'exact', field: 'ranked' } }, /The main score of the task field has changed/],
    ];
    for (const [change, message] of changes) {
      const changed = { ...sources, ...change };
      const error = { code: 'run/other-study', message: expect.stringMatching(message) as string };
      // In the plan that a person names, and in that of the folder.
      await expect(executeStudy(options(read({ sources: changed })), SILENT)).rejects.toMatchObject(error);
      await writeFile(join(out, 'plan.json'), JSON.stringify({ ...there, sources: changed }));
      await expect(executeStudy(options(read()), SILENT)).rejects.toMatchObject(error);
    }
  });
});

describe('a study of methods and seeds', () => {
  const planned = (method: MethodName, seeds: number[], change: Partial<RunSettings> = {}): StudyPlan =>
    planOfMethods([{ ...embeddedSettings('quick', method), ...change }], seeds);
  const openJoined = (plan: StudyPlan, folder = out): Promise<StudyFolder> => StudyFolder.open(folder, plan, true);
  const make = async (plan: StudyPlan, folder = out): Promise<StudyFolder> => {
    const opened = await openJoined(plan, folder);
    for (const run of plannedRuns(plan, plan.parts[0], () => null)) await save(opened, run);
    return opened;
  };

  test('takes further methods and seeds, and has one table of all', async () => {
    await make(planned('gorp', [1, 2]));
    const folder = await make(planned('seq-lora', [1]));
    await conclude(folder, 'markdown', SILENT);
    const text = await readFile(join(out, 'report.md'), 'utf8');
    expect(text).toContain('3 of 4 runs have been made.');
    expect(text).toMatch(/\| gorp \| 2 \|.*\n\| seq-lora \| 1 of 2 \|/);
    expect(text).toMatch(/\*\*gorp\*\*, exact match after each round, 2 runs.*\n\n\| after \| people \| emoji \|\n/);
    const plan = await folder.plan();
    const [run] = plannedRuns(plan, plan.parts[0], () => null);
    const outcome = await folder.outcomeOf(run);
    expect(outcome && 'results' in outcome && outcome.results.curves.loss.length, 'curves are saved').toBeGreaterThan(
      0,
    );
  });

  test('has several orders, each method against each other, and prints the format asked for', async () => {
    const [gorp, lora] = (['gorp', 'seq-lora'] as const).map((method) => embeddedSettings('quick', method));
    const { order } = gorp;
    const plan = planOfMethods([gorp, lora], [1, 2], [order, order.toReversed()]);
    const folder = await make(plan);
    const printed: string[] = [];
    const terminal = Object.assign(new Terminal(false), { result: (text: string) => void printed.push(text) });
    for (const format of ['markdown', 'latex', 'csv'] as const) await conclude(folder, format, terminal);
    const [markdown, latex, csv] = printed;
    expect(markdown).toContain('8 of 8 runs have been made.');
    expect(markdown).toMatch(/\| gorp \| seq-lora \| 4 \|/);
    expect(markdown).toContain('p is corrected by Holm over all of them');
    expect(latex).toContain('\\begin{tabular}');
    expect(csv).toMatch(/^part,method,order,seed,round,task,measure,value\r\nstudy,gorp,0,1,0,/);
    expect(csv).toContain('study,seq-lora,1,2,');
    expect(await readFile(join(out, 'measurements.csv'), 'utf8')).toBe(csv);
  });

  test('refuses runs that differ in more, by name', async () => {
    await make(planned('gorp', [1]));
    const { training, method } = embeddedSettings('quick', 'gorp');
    const changes: [Partial<RunSettings>, string][] = [
      [{ order: ['emoji', 'people'] }, 'orders'],
      [{ model: 'embedded-llama' }, 'model'],
      [{ training: { ...training, epochs: 9 } }, 'training.epochs'],
      [{ method: { ...method, loraRank: 3 } }, 'methods.gorp.settings.loraRank'],
      [{ perTask: { people: { epochs: 3 } } }, 'perTask'],
    ];
    for (const [change, name] of changes) {
      await expect(openJoined(planned('gorp', [2], change)), name).rejects.toMatchObject({
        code: 'run/other-study',
        message: expect.stringContaining(`another value of ${name}`) as string,
      });
    }
    expect((await StudyFolder.planIn(out)).parts[0].seeds).toEqual([1]);
  });

  test('takes the runs of other folders, keeps its own, and names those it leaves out', async () => {
    const there = join(out, 'there');
    const [one, other] = [planned('gorp', [1]), planned('gorp', [1, 2])];
    await make(one);
    const taken = await make(other, there);
    const folder = await openJoined(other);
    expect(await folder.take(taken), 'both are the same script').toEqual([]);
    expect((await folder.plan()).parts[0].seeds).toEqual([1, 2]);
    const third = await make(other, join(out, 'third'));
    const [run] = plannedRuns(other, other.parts[0], () => null);
    const outcome = await third.outcomeOf(run);
    if (outcome === null || !('results' in outcome)) throw new Error('there is no such run');
    const fourth = await openJoined(other, join(out, 'fourth'));
    await fourth.save(run, { ...outcome.results, startedAt: '2026-11-25T10:00:00.000Z' });
    expect(await folder.take(fourth)).toEqual([run.name]);
  });
});

test('a run that has diverged counts as made', async () => {
  const plan = read();
  const files = await open(plan);
  const [run, next] = plannedRuns(plan, plan.parts[0], () => null);
  const error = { code: 'run/not-finite' as const, message: 'Diverged.', nextStep: 'Start again.' };
  await files.saveFailure(run, error);
  expect(await files.outcomeOf(run)).toEqual({ error });
  expect(await files.outcomeOf(next)).toBeNull();
});
