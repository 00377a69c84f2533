import { needsOf } from '../../src/gorp/part/method-plan.ts';
import { parseArgs } from 'node:util';
import { digits, markdownTable } from '../../src/base/markdown.ts';
import type { Batch } from '../../src/base/batch.ts';
import { nodeTaskReader } from '../../src/cli/host.ts';
import { openNamedModel } from '../../src/cli/named-models.ts';
import { nodeWasmHost } from '../../src/cli/node-device.ts';
import type { Device, Program } from '../../src/device/device.ts';
import type { Dispatch } from '../../src/device/kernel.ts';
import { Learner } from '../../src/gorp/learner.ts';
import { METHOD_NAMES, type MethodName, planOf } from '../../src/methods/registry.ts';
import { openNetwork, readTexts } from '../../src/run/models/open-network.ts';
import type { RunSettings } from '../../src/run/settings/settings.ts';
import { startingMethod, startingTraining } from '../../src/run/settings/starting-values.ts';
import type { EncodedTask } from '../../src/run/tasks/encoded-task.ts';
import { RoundBatches } from '../../src/run/tasks/round-batches.ts';
import { spaceSamples } from '../../src/run/tasks/space-samples.ts';
import { prepareTask } from '../../src/run/tasks/task-data.ts';
import { openCpu } from '../bench/bench.ts';

const USAGE = `Usage: npm run bench:epoch -- MODEL BENCHMARK [--tasks agnews,SST-2] [--methods seq-lora] [--examples 192] [--threads 2]
       [--ops]

Trains MODEL, a folder or name, for an epoch of each task of CL_Benchmark, in batches of 8 prompts of up to 128 tokens.
Methods take turns batch by batch, so that other programs slow all of them. The first step of each task is left out of
seconds and steps; sizes that are compiled later are not. --ops lists the last task by kernel.`;

/** A kernel in the steps of a task. */
interface KernelTimes {
  calls: number;
  seconds: number;
  operations: number;
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** The name of a kernel; of products also which they are, by their sizes. */
function nameOf({ kernel, params }: Dispatch): string {
  if (kernel.name !== 'matmul') return kernel.name;
  const sizes = params.slice(0, 3).map((param) => ('u32' in param ? param.u32 : 0));
  if (Math.max(...sizes) >= 16_384) return 'matmul, of the vocabulary';
  return Math.min(...sizes) < 32 ? 'matmul, of adapters' : 'matmul, of layers';
}

/** The device, with every kernel as a program of its own, whose CPU seconds are added to `times`. */
function timedDevice(device: Device, times: Map<string, KernelTimes>): Device {
  const parts = new WeakMap<Program, { readonly dispatch: Dispatch; readonly program: Program }[]>();
  const run: Device['run'] = async (programs, copies) => {
    for (const { dispatch, program } of programs.flatMap((one) => parts.get(one) ?? [])) {
      const [name, { cost = 0 }] = [nameOf(dispatch), dispatch];
      const of = times.get(name) ?? { calls: 0, seconds: 0, operations: 0 };
      const before = cpuSeconds();
      await device.run([program]);
      times.set(name, {
        calls: of.calls + 1,
        seconds: of.seconds + cpuSeconds() - before,
        operations: of.operations + cost,
      });
    }
    await device.run([], copies);
  };
  const record: Device['record'] = async (name, plan) => {
    const dispatches = plan();
    const whole = await device.record(name, () => dispatches);
    const all: { dispatch: Dispatch; program: Program }[] = [];
    for (const dispatch of dispatches) {
      all.push({ dispatch, program: await device.record(dispatch.kernel.name, () => [dispatch]) });
    }
    const program: Program = {
      name,
      dispatchCount: whole.dispatchCount,
      destroy: () => {
        for (const one of [whole, ...all.map((part) => part.program)]) one.destroy();
      },
    };
    parts.set(program, all);
    return program;
  };
  return new Proxy(device, {
    get: (target, key) => {
      if (key === 'run') return run;
      if (key === 'record') return record;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The times of a method's parts of a task. */
interface TaskTimes {
  readonly losses: number[];
  begin: number;
  end: number;
  first: number;
  steps: number;
  cpu: number;
  wall: number;
}

/** Milliseconds and CPU seconds of some work. */
async function spent(work: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const [wall, cpu] = [performance.now(), cpuSeconds()];
  await work();
  return { wall: (performance.now() - wall) / 1e3, cpu: cpuSeconds() - cpu };
}

/** A model that learns tasks by one method. */
async function openMethod(name: MethodName, folder: string, settings: RunSettings, threads: number) {
  const times = new Map<string, KernelTimes>();
  const cpu = await openCpu(nodeWasmHost(threads), { threads });
  const device = threads === 1 ? timedDevice(cpu, times) : cpu;
  const model = await openNamedModel(folder);
  const known = await readTexts(model, { promptForm: 'raw' });
  const method = startingMethod(folder, name);
  const { network, targets, storedName, tokenizer } = openNetwork(
    device,
    model,
    { ...settings.training, byPrompt: needsOf(planOf(method)).byPrompt !== undefined },
    known,
  );
  const { seed, maxGradNorm, gradientAccumulation } = settings.training;
  const options = { seed, maxGradNorm, gradientAccumulation, tasks: settings.order.length };
  const read = (parameter: string) => model.readTensor(storedName(parameter));
  const learner = await Learner.create(device, network, planOf(method), targets, options, read);
  return {
    name,
    settings: { ...settings, method },
    device,
    times,
    network,
    tokenizer,
    learner,
    samples: spaceSamples(method, network),
  };
}

/** `npm run bench:epoch`. Prints the tables of docs/speed.md. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      tasks: { type: 'string', default: 'agnews,SST-2' },
      methods: { type: 'string', default: 'seq-lora' },
      examples: { type: 'string', default: '192' },
      threads: { type: 'string', default: '2' },
      ops: { type: 'boolean', default: false },
    },
  });
  const [folder, tasks] = positionals;
  const asked = values.methods.split(',');
  const methods = asked.flatMap((name) => METHOD_NAMES.filter((known) => known === name));
  const order = values.tasks.split(',');
  if (positionals.length !== 2 || methods.length !== asked.length) {
    console.error(USAGE);
    return 2;
  }
  const settings: RunSettings = {
    model: folder,
    tasks,
    order,
    method: startingMethod(folder, methods[0]),
    training: {
      ...startingTraining(folder),
      promptForm: 'raw',
      epochs: 1,
      validationExamples: 0,
      testExamples: 1,
      trainExamples: Number(values.examples),
      batchSize: 8,
      sourceLength: 128,
    },
  };
  const threads = values.ops ? 1 : Number(values.threads);
  const learners = [];
  for (const name of methods) learners.push(await openMethod(name, folder, settings, threads));
  const host = { taskReader: (root: string) => nodeTaskReader(root), customTask: () => Promise.resolve(undefined) };
  const encoded: EncodedTask[] = [];
  for (const name of order)
    encoded.push(await prepareTask(host, name, settings, learners[0].tokenizer, () => undefined));
  const rows: string[][] = [];
  for (const [i, { name }] of encoded.entries()) {
    const round = { number: i + 1, trains: [i], tests: [], testsWatched: false };
    const taking = learners.map((one) => ({
      ...one,
      batches: new RoundBatches(one.settings, encoded, round, one.samples, one.network),
      took: { losses: [], begin: 0, end: 0, first: 0, steps: 0, cpu: 0, wall: 0 } as TaskTimes,
    }));
    for (const { learner, batches, took } of taking) {
      took.begin = (await spent(() => learner.beginTask(batches.beginSample(), undefined, batches.prompts()))).cpu;
    }
    const stepOf = async ({ learner, took, times }: (typeof taking)[number], batch: Batch): Promise<void> => {
      const { wall, cpu } = await spent(async () => {
        await learner.step([batch]);
        took.losses.push(...(await learner.takeRecords()).map(({ loss }) => loss));
      });
      if (took.first === 0) {
        took.first = cpu;
        times.clear();
        return;
      }
      took.steps++;
      took.cpu += cpu;
      took.wall += wall;
    };
    const epoch = taking[0].batches.ofEpoch(0, []);
    for (const batch of epoch) for (const one of taking) await stepOf(one, batch);
    for (const one of taking) {
      const { learner, batches, took, times } = one;
      if (values.ops && i === encoded.length - 1) printKernels(one.name, name, times, took.steps);
      const data = { sample: batches.spaceSample(), singles: batches.singles(), prompts: batches.prompts() };
      took.end = (await spent(() => learner.endTask({ ...data, examples: batches.examples }))).cpu;
      const step = took.cpu / took.steps;
      const mean = took.losses.reduce((a, b) => a + b, 0) / took.losses.length;
      const numbers = [took.wall, took.cpu, step, took.cpu / taking[0].took.cpu, took.begin, took.end];
      rows.push([name, one.name, ...[...numbers, (took.end + took.begin) / step].map(digits), mean.toFixed(6)]);
      console.error(rows.at(-1)?.join(' | '));
    }
  }
  const heads = [
    'task',
    'method',
    'wall, s',
    'CPU, s',
    'a step',
    `÷ ${methods[0]}`,
    'beginning',
    'end',
    'both in steps',
    'mean loss',
  ];
  console.log(`\n${markdownTable(heads, rows)}`);
  for (const { learner, network, device } of learners) {
    learner.destroy();
    network.destroy();
    await device.destroy();
  }
  return 0;
}

/** Prints the times of the kernels of a task's steps, the longest first. */
function printKernels(method: string, task: string, times: ReadonlyMap<string, KernelTimes>, steps: number): void {
  const all = [...times.values()].reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = [...times]
    .toSorted(([, a], [, b]) => b.seconds - a.seconds)
    .map(([name, { calls, seconds, operations }]) => [
      ...[name, digits(calls / steps), digits(seconds / steps), `${digits((100 * seconds) / all)} %`],
      digits(operations / seconds / 1e9),
    ]);
  console.log(`\n${method}, ${task}: kernels of a step, of ${digits(all / steps)} CPU seconds\n`);
  console.log(markdownTable(['kernel', 'calls', 'CPU, s', 'share', 'GFLOP a second'], rows));
}
