import { parseArgs } from 'node:util';
import { type Spent, median } from '../../src/bench/timing.ts';
import { digits, markdownTable } from '../../src/base/markdown.ts';
import type { MethodName } from '../../src/methods/registry.ts';
import { projectPath } from '../../tools/setup/process.ts';
import { type Contender, type Job, startProgram } from './speed/contender.ts';
import { openOwn, openSteps } from './speed/own.ts';
import { openWllama } from './speed/wllama.ts';

const USAGE = `Usage: npm run bench:real -- MODEL [--gguf FILE] [--packages FOLDER] [--python python3] [--threads 2] [--rounds 5]

Measures a real model on the CPU beside other programs, which take turns: training steps, reading prompts, writing
answers one and eight at a time, loading. MODEL is its folder, FILE the same weights for llama.cpp.

Needs Python with the packages of tools/golden/requirements.txt, and in FOLDER node-llama-cpp and @wllama/wllama from npm.
Without --gguf and --packages, llama.cpp is left out.`;

const STEP = { do: 'step', rows: 8, tokens: 64 } as const;
/** The first is compared with PyTorch and the other methods. */
const METHODS: readonly MethodName[] = ['seq-lora', 'gorp', 'gorp-plus'];
const JOBS: readonly Exclude<Job, { do: 'step' }>[] = [
  { do: 'read', rows: 1, tokens: 256 },
  { do: 'read', rows: 8, tokens: 64 },
  { do: 'write', rows: 1, prompt: 64, tokens: 32 },
  { do: 'write', rows: 8, prompt: 64, tokens: 32 },
];

/** `npm run bench:real`. Prints the tables of docs/speed.md. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      gguf: { type: 'string' },
      packages: { type: 'string' },
      python: { type: 'string', default: 'python3' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const [model] = positionals;
  const [threads, rounds] = [Number(values.threads), Number(values.rounds)];
  const { gguf, packages, python } = values;
  if (
    positionals.length !== 1 ||
    !(threads > 0) ||
    !(rounds > 0) ||
    (gguf === undefined) !== (packages === undefined)
  ) {
    console.error(USAGE);
    return 2;
  }
  const script = (name: string): string => projectPath('lab', 'real', 'speed', name);
  const torch = (count: number): Promise<Contender> =>
    startProgram(`PyTorch, ${count} threads`, python, [script('torch_speed.py'), model, String(count)]);
  await steps(model, threads, rounds, [await torch(threads), await torch(1)]);
  const contenders = [await openOwn(model, threads), await torch(threads)];
  if (gguf !== undefined && packages !== undefined) {
    const native = [script('llama_speed.mjs'), packages, gguf, String(threads)];
    contenders.push(await startProgram('llama.cpp', process.execPath, native));
    contenders.push(await openWllama(packages, gguf, threads));
  }
  await answers(contenders, rounds);
  return 0;
}

/** Times of several turns, medians in milliseconds. */
class Turns {
  readonly #spent: Spent[] = [];
  add(spent: Spent | null): void {
    if (spent) this.#spent.push(spent);
  }
  get isEmpty(): boolean {
    return this.#spent.length === 0;
  }
  get wall(): number {
    return median(this.#spent.map(({ wall }) => wall));
  }
  get cpu(): number {
    return median(this.#spent.map(({ wall, cpu }) => cpu ?? wall));
  }
}

/** Training steps of each method, and of LoRA by the peers. */
async function steps(model: string, threads: number, rounds: number, peers: readonly Contender[]): Promise<void> {
  const own = await Promise.all(METHODS.map((method) => openSteps(model, threads, method, STEP)));
  const turns = peers.map(() => new Turns());
  for (const peer of peers) await peer.measure(STEP); // the first allocates
  for (let round = 0; round < rounds; round++) {
    for (const one of own) for (const kind of ['refresh', 'step'] as const) await one.measure(kind);
    for (const [i, peer] of peers.entries()) turns[i].add(await peer.measure(STEP));
  }
  const timings = own.map(({ timings }) => timings);
  const [{ step: first }] = timings;
  const firstCpu = first.cpuMedian ?? first.wallMedian;
  const ratios = (wall: number, cpu: number): string[] =>
    [wall, cpu, wall / first.wallMedian, cpu / firstCpu].map(digits);
  const rows = [
    ...timings.flatMap(({ label, step, period }) => [
      [`${label}, between refreshes`, ...ratios(step.wallMedian, step.cpuMedian ?? step.wallMedian)],
      [`${label}, mean over ${period.steps} steps`, ...ratios(period.wall, period.cpu ?? period.wall)],
    ]),
    ...turns.map(({ wall, cpu }, i) => [peers[i].name, ...ratios(wall, cpu)]),
  ];
  console.log(`\nStep of ${STEP.rows} × ${STEP.tokens} tokens, milliseconds\n`);
  console.log(markdownTable(['', 'wall', 'CPU', `wall ÷ ${METHODS[0]}`, 'CPU ÷'], rows));
  for (const one of [...own, ...peers]) await ('destroy' in one ? one.destroy() : one.close());
}

/** Tokens per second of reading and writing, and seconds of loading. */
async function answers(contenders: readonly Contender[], rounds: number): Promise<void> {
  const rows: string[][] = [];
  for (const job of JOBS) {
    const turns = contenders.map(() => new Turns());
    for (const contender of contenders) await measured(contender, job);
    for (let round = 0; round < rounds; round++) {
      for (const [i, contender] of contenders.entries()) turns[i].add(await measured(contender, job));
    }
    const tokens = job.rows * (job.do === 'read' ? job.tokens : job.tokens - 1);
    const what = job.do === 'read' ? `reading ${job.rows} × ${job.tokens}` : `writing ${job.rows} × ${job.tokens}`;
    const speed = (ms: number): string => digits((1e3 * tokens) / ms);
    rows.push([what, ...turns.map((turn) => (turn.isEmpty ? '–' : `${speed(turn.wall)} (${speed(turn.cpu)})`))]);
  }
  rows.push(['loading, seconds', ...contenders.map(({ loading }) => digits(loading / 1e3))]);
  console.log('\nTokens a second of wall time, and in brackets of CPU time\n');
  console.log(markdownTable(['', ...contenders.map(({ name }) => name)], rows));
  for (const contender of contenders) await contender.close();
}

/** The time of a job; of writing, without reading the prompts and writing the first token. */
async function measured(contender: Contender, job: Job): Promise<Spent | null> {
  const all = await contender.measure(job);
  if (job.do !== 'write' || all === null) return all;
  const first = await contender.measure({ ...job, tokens: 1 });
  if (first === null) return null;
  return { wall: all.wall - first.wall, cpu: all.cpu === null || first.cpu === null ? null : all.cpu - first.cpu };
}
