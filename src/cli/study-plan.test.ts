import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { scriptedRun } from '../app/testing/script.ts';
import { parseStudyPlan, type PlannedRun, plannedRuns, type StudyPlan } from '../run/study/plan.ts';
import { StudyFolder } from './study-folder.ts';
import { studyByPlan } from './study-plan.ts';
import { Terminal } from './terminal.ts';

const PLAN = {
  ...{ schema: 'gorp-web/study-plan', version: 1, title: 'A study' },
  claim: { statement: 'gorp ends above seq-lora.', part: 'main', entry: 'gorp', rivals: ['seq-lora'] },
  parts: [
    {
      ...{ name: 'main', about: 'Compares.', orders: [['gloss', 'field']], seeds: [1, 2] },
      entries: [{ method: 'gorp' }, { method: 'seq-lora' }],
    },
  ],
};

/** A terminal that shows nothing. */
const SILENT = new Terminal(false, nowhere(), nowhere());

function nowhere(): NodeJS.WriteStream {
  return new Writable({ write: (_, __, done) => done() }) as unknown as NodeJS.WriteStream;
}

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'study-'));
});
afterEach(() => rm(out, { recursive: true }));

const open = (plan: StudyPlan): Promise<StudyFolder> => StudyFolder.open(out, plan, () => undefined);

async function keep(files: StudyFolder, run: PlannedRun): Promise<void> {
  const last = scriptedRun(run.settings()).at(-1);
  if (last?.type !== 'finished') throw new Error('the script does not end in results');
  await files.keep(run, last.results);
}

test('reports on the existing runs, and says how many are missing', async () => {
  const path = join(out, 'the-plan.json');
  await writeFile(path, JSON.stringify(PLAN));
  const plan = parseStudyPlan(JSON.stringify(PLAN), 'the-plan.json');
  const files = await open(plan);
  const runs = plannedRuns(plan, plan.parts[0], () => null);
  for (const run of runs.slice(0, 3)) await keep(files, run);
  const options = { plan: path, out, shard: { index: 0, count: 1 }, machine: { device: 'cpu' as const } };
  expect(await studyByPlan({ ...options, reportOnly: true }, SILENT)).toBe(0);
  expect(await readFile(join(out, 'report.md'), 'utf8')).toContain('3 of 4 runs have been made.');
  expect((await readdir(join(out, 'plots'))).sort()).toEqual(['main-ap.svg', 'main-pareto.svg']);
  await keep(files, runs[3]);
  // All runs exist, so none is made, even without `reportOnly`.
  expect(await studyByPlan({ ...options, reportOnly: false }, SILENT)).toBe(0);
  expect(await readFile(join(out, 'report.md'), 'utf8')).toContain('4 of 4 runs have been made.');
});

test('refuses a second plan in a folder by name, and a run with other settings', async () => {
  const plan = parseStudyPlan(JSON.stringify(PLAN), 'plan.json');
  const files = await open(plan);
  await expect(open({ ...plan, title: 'Another' })).rejects.toMatchObject({
    code: 'run/other-study',
    message: expect.stringContaining('A study') as string,
  });
  const [run, other] = plannedRuns(plan, plan.parts[0], () => null);
  await keep(files, { ...run, settings: other.settings });
  await expect(files.outcomeOf(run)).rejects.toMatchObject({ code: 'run/other-study' });
});

test('refuses a folder of an earlier version, whose runs would be made again', async () => {
  const plan = parseStudyPlan(JSON.stringify(PLAN), 'plan.json');
  await mkdir(join(out, 'runs', 'main'), { recursive: true });
  await expect(open(plan)).rejects.toMatchObject({ code: 'run/other-study' });
});

test('settings that the model does not allow end the study by name, and no run counts as made', async () => {
  vi.stubGlobal('__APP_VERSION__', '0.0.0'); // set by the build
  vi.stubGlobal('__APP_COMMIT__', 'test');
  const path = join(out, 'the-plan.json');
  const training = { loraModules: ['encoder.block.*.layer.7.SelfAttention.q'] };
  await writeFile(path, JSON.stringify({ ...PLAN, parts: [{ ...PLAN.parts[0], training }] }));
  const options = { plan: path, out, shard: { index: 0, count: 1 }, machine: { device: 'cpu' as const } };
  await expect(studyByPlan({ ...options, reportOnly: false }, SILENT)).rejects.toMatchObject({
    code: 'settings/modules',
    message: expect.stringMatching(/^main\/gorp-order1-seed1: .*layer\.7\.SelfAttention/) as string,
  });
  expect(await readdir(out), 'the folder is still free').toEqual(['the-plan.json']);
});

test('tasks that cannot be read end the study at the first run', async () => {
  vi.stubGlobal('__APP_VERSION__', '0.0.0');
  vi.stubGlobal('__APP_COMMIT__', 'test');
  const path = join(out, 'the-plan.json');
  const parts = [{ ...PLAN.parts[0], orders: [['yelp', 'amazon']] }];
  const notes: string[] = [];
  const terminal = new Terminal(false, nowhere(), nowhere());
  vi.spyOn(terminal, 'note').mockImplementation((text) => void notes.push(text));
  await writeFile(path, JSON.stringify({ ...PLAN, tasks: join(out, 'no-tasks'), parts }));
  const options = { plan: path, out, shard: { index: 0, count: 1 }, machine: { device: 'cpu' as const } };
  await expect(studyByPlan({ ...options, reportOnly: false }, terminal)).rejects.toMatchObject({
    code: 'tasks/not-found',
    message: expect.stringMatching(/^main\/gorp-order1-seed1: .*no-tasks/) as string,
  });
  expect(notes.join('\n')).not.toContain('seed2');
});

test('a run that has diverged counts as made', async () => {
  const plan = parseStudyPlan(JSON.stringify(PLAN), 'plan.json');
  const files = await open(plan);
  const [run, next] = plannedRuns(plan, plan.parts[0], () => null);
  const error = { code: 'run/not-finite' as const, message: 'Diverged.', nextStep: 'Start again.' };
  await files.keepFailure(run, error);
  expect(await files.outcomeOf(run)).toEqual({ error });
  expect(await files.outcomeOf(next)).toBeNull();
});
