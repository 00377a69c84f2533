import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from '../../src/run/results/results.ts';
import { live, requireCli } from '../storm/cli.ts';
import { differences } from '../storm/storm.ts';
import { PartRuns } from '../study/part-runs.ts';
import { GRACE, Slurm } from './slurm.ts';

/**
 * Reads a code block of a Markdown document, so that tests run what the document tells its readers to run.
 *
 * @param mark a text that only this block contains.
 * @throws if there is not exactly one.
 */
function codeBlock(markdown: string, mark: string): string {
  const blocks = [...markdown.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, text]) => text);
  const found = blocks.filter((text) => text.includes(mark));
  if (found.length !== 1) throw new Error(`${found.length} code blocks have ${mark}, not one.`);
  return found[0];
}

const ROOT = join(import.meta.dirname, '../..');

/** Two methods with two seeds, each an element of the array. They train long enough to be interrupted. */
const STUDY = [
  ...['--preset', 'quick', '--methods', 'seq-lora,gorp-plus', '--seeds', '1,2', '--device', 'cpu'],
  ...['--set', 'training.epochs=4', '--json'],
];
const ELEMENTS = 4;

/** Columns of a study's table that are measured with a clock. */
const CLOCKED = ['seconds'];

const note = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

/**
 * Runs a small study as an array on its own Slurm, with the batch file of docs/command-line.md, while elements are
 * requeued, killed and interrupted, and nodes are drained and lost. The merged table must equal that of the same study
 * in one process. @returns the exit code.
 */
export async function main(): Promise<number> {
  requireCli();
  // Folders of munge may not be open to others.
  const folder = await mkdtemp(join(tmpdir(), 'gorp-cluster-'));
  await chmod(folder, 0o755);
  const [whole, shared] = [join(folder, 'whole'), join(folder, 'shared')];
  note('the study in one process');
  const { exit, stderr } = await live(['study', ...STUDY, '--out', whole]);
  if (exit !== 0) throw new Error(`the study in one process: exit ${exit}, ${stderr}`);

  note('Slurm starts');
  const slurm = await Slurm.start(join(folder, 'slurm'), 2);
  const problems: string[] = [];
  try {
    await onCluster(slurm, folder, shared, problems);
  } finally {
    await slurm.stop();
  }
  problems.push(...(await compare(whole, shared)));
  for (const problem of problems) note(`PROBLEM ${problem}`);
  if (problems.length > 0) {
    note(`what was written is in ${folder}`);
    return 1;
  }
  console.log(await tableOf(shared));
  await rm(folder, { recursive: true, force: true });
  return 0;
}

async function onCluster(slurm: Slurm, folder: string, shared: string, problems: string[]): Promise<void> {
  const work = join(folder, 'work');
  await install(work);
  const batch = codeBlock(await readFile(join(ROOT, 'docs/command-line.md'), 'utf8'), '#SBATCH');
  await writeFile(join(work, 'study.sh'), batch);
  const logs = ['--output', join(folder, 'element-%a.log')];
  const submitted = slurm.run(
    'sbatch',
    ['--parsable', `--array=0-${ELEMENTS - 1}`, ...logs, 'study.sh', ...STUDY, '--out', shared],
    work,
  );
  const job = submitted.trim();
  const logOf = (index: number): Promise<string> =>
    readFile(join(folder, `element-${index}.log`), 'utf8').catch(() => '');
  const lives = async (index: number): Promise<number> => (await logOf(index)).split('"type":"device"').length - 1;
  const trains = async (index: number): Promise<void> => {
    const before = await lives(index);
    await slurm.until(async () => trainsNow(await logOf(index)), 600, `element ${index} trains`);
    note(`element ${index} trains on ${slurm.element(job, index).BatchHost}, life ${Math.max(1, before)}`);
  };
  const state = (index: number): string => slurm.element(job, index).JobState;
  const waitsFor = (index: number, ...states: string[]): Promise<void> =>
    slurm.until(() => states.includes(state(index)), 600, `element ${index} is ${states.join(' or ')}`);

  // SIGTERM, a grace period, then back to the queue.
  await trains(0);
  slurm.run('scontrol', ['requeue', `${job}_0`]);
  note('element 0 is requeued');
  await slurm.until(
    async () => (await logOf(0)).includes('"type":"stopped"'),
    GRACE,
    'element 0 saves within the grace period',
  );

  // No grace period.
  await trains(1);
  slurm.run('scancel', ['--signal=KILL', '--full', `${job}_1`]);
  await waitsFor(1, 'FAILED', 'NODE_FAIL', 'CANCELLED');
  note(`element 1 was killed: ${state(1)}`);
  slurm.run('scontrol', ['requeue', `${job}_1`]);

  // Interrupted and requeued by hand.
  await trains(2);
  slurm.run('scancel', ['--signal=TERM', '--full', `${job}_2`]);
  await waitsFor(2, 'FAILED', 'CANCELLED');
  const code = slurm.element(job, 2).ExitCode;
  note(`element 2 was interrupted:  ${state(2)}, exit code ${code}`);
  if (code !== '130:0') problems.push(`element 2 ended with ${code}, not 130:0`);
  slurm.run('scontrol', ['requeue', `${job}_2`]);

  // Its node is drained, which lets it continue, and then lost.
  await trains(3);
  const node = slurm.element(job, 3).BatchHost;
  slurm.run('scontrol', ['update', `NodeName=${node}`, 'State=DRAIN', 'Reason=drained']);
  note(`${node} is drained`);
  if (state(3) !== 'RUNNING') problems.push(`element 3 is ${state(3)} on a drained node`);
  slurm.run('scontrol', ['update', `NodeName=${node}`, 'State=DOWN', 'Reason=lost']);
  note(`${node} is lost`);

  for (let index = 0; index < ELEMENTS; index++) {
    await waitsFor(index, 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT');
    const { JobState, Restarts, BatchHost } = slurm.element(job, index);
    note(`element ${index}: ${JobState} on ${BatchHost}, restarted ${Restarts} times`);
    if (JobState !== 'COMPLETED') problems.push(`element ${index} is ${JobState}`);
    if (Restarts !== '1') problems.push(`element ${index} was restarted ${Restarts} times, not once`);
  }
  if (slurm.element(job, 3).BatchHost === node) problems.push(`element 3 came back to ${node}, which is lost`);
}

/** Whether the process that currently writes a log has begun to train. */
const trainsNow = (log: string): boolean => log.slice(log.lastIndexOf('"type":"device"')).includes('"type":"steps"');

/** A folder with the command where an installed package has it. */
async function install(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  const command = `#!/bin/sh\nexec node '${join(ROOT, 'dist-lib/cli.js')}' "$@"\n`;
  await writeFile(join(folder, 'node_modules/.bin/gorp-web'), command, { mode: 0o755 });
}

/** Merges the results of the array and lists how they differ from those of one process. */
async function compare(whole: string, shared: string): Promise<string[]> {
  const merged = await live(['study', '--merge', shared, '--out', shared]);
  if (merged.exit !== 0) return [`the merge: exit ${merged.exit}, ${merged.stderr}`];
  const [one, other] = await Promise.all([tableOf(whole), tableOf(shared)]);
  const problems = one === other ? [] : [`the merged table differs:\n${other}\nin one process:\n${one}`];
  const [wanted, found] = await Promise.all([runsOf(whole), runsOf(shared)]);
  for (const [name, run] of wanted) {
    const same = found.get(name);
    if (same === undefined) problems.push(`${name} is missing`);
    else problems.push(...differences(run, same).map((what) => `${name}: ${what}`));
    note(`${name}: ${same?.breaks?.length ?? 0} breaks`);
  }
  const left = (await readdir(shared, { recursive: true })).filter((name) => /\.partial|\.lock|checkpoints/.test(name));
  return left.length > 0 ? [...problems, `${left.join(', ')} left`] : problems;
}

/** The finished runs of a study, by name. */
async function runsOf(out: string): Promise<Map<string, Results>> {
  const lines = await new PartRuns(join(out, 'runs', 'study')).runs();
  return new Map([...lines].flatMap(([name, line]) => ('results' in line ? [[name, line.results]] : [])));
}

/** The table of a study without measured times. */
async function tableOf(out: string): Promise<string> {
  const lines = (await readFile(join(out, 'report.md'), 'utf8')).split('\n');
  const begin = lines.findIndex((line) => line.startsWith('| method'));
  const head = lines[begin].split('|').map((cell) => cell.trim());
  const clocked = CLOCKED.map((name) => head.indexOf(name));
  const rows = lines.slice(begin, lines.indexOf('', begin));
  const without = rows.map((line) =>
    line
      .split('|')
      .filter((_, at) => !clocked.includes(at))
      .join('|'),
  );
  return [...without, ...lines.slice(begin + rows.length)].join('\n');
}
