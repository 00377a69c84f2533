import type { DeviceChoice } from '../base/device-choice.ts';
import { explained, GorpError, reportOf } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { openDevice } from '../device/choice.ts';
import { type DeviceOutline, outlineOf } from '../device/counting-device.ts';
import { sizeOf } from '../graph/tensor.ts';
import { methodPreset } from '../methods/registry.ts';
import { familyOf } from '../models/families.ts';
import { PUBLISHED_MODELS } from '../run/models/published-models.ts';
import { textLengths } from '../run/planning/count-lengths.ts';
import { limitsOf, roughly, secondsFor, type Speed, tasksAhead, workOfRun } from '../run/planning/duration.ts';
import {
  asRefusal,
  checkBudget,
  checkHost,
  type MemoryPlan,
  type MemoryMoment,
  PART_NAMES,
  PARTS,
  WHILE,
} from '../run/planning/memory-plan.ts';
import { type MemoryQuestion, planMemory, planRun, type RunPlan, storedTypes } from '../run/planning/plan-run.ts';
import { testAhead, workAhead } from '../run/planning/planned-work.ts';
import { countedIn, enoughFor, LONGEST, type TextLengths } from '../run/planning/text-lengths.ts';
import { testedTasks } from '../run/settings/settings.ts';
import { FAMILY_MODULES } from '../run/settings/trained-modules.ts';
import { loadLabels, loadTask } from '../tasks/benchmark.ts';
import { benchmarkOf } from '../tasks/benchmarks.ts';
import { cutByLabel } from '../tasks/cut.ts';
import { BENCHMARK_KINDS, embeddedTask } from '../tasks/orders.ts';
import { DEVICE_OPTIONS, deviceChoices, noPositionals, readArguments, refuseOptions } from './arguments.ts';
import { EXIT } from './exit.ts';
import { hostMemory, nodeDeviceHost, nodeTaskReader } from './host.ts';
import { deviceSpeed } from './machine.ts';
import { openNamedOutline, openNamedTexts } from './named-models.ts';
import {
  chooseRun,
  type ChosenRun,
  inStartingForm,
  promptsText,
  SETTINGS_OPTIONS,
  SETTINGS_USAGE,
} from './run-settings.ts';
import { Terminal } from './terminal.ts';

/** How many tokens the texts of a run take; with sentences on those that cannot be counted, and why. */
async function countLengths({ settings, customTasks }: ChosenRun): Promise<[TextLengths | null, string[]]> {
  const isAway = /^https?:/.test(settings.tasks);
  const isRead = (name: string): boolean =>
    benchmarkOf(name) === undefined ||
    customTasks.some((task) => task.name === name) ||
    !(isAway || settings.tasks === 'embedded');
  const read = testedTasks(settings).filter(isRead);
  const left = testedTasks(settings).filter((name) => !isRead(name));
  const notes =
    left.length > 0 ? [`Texts of ${left.join(', ')} are not counted: name their folder on disk with --tasks.`] : [];
  if (read.length === 0) return [null, notes];
  try {
    const host = {
      taskReader: nodeTaskReader,
      customTask: (name: string) => Promise.resolve(customTasks.find((task) => task.name === name)),
    };
    const order = settings.order.filter(isRead);
    const watch = (settings.watch ?? []).filter(isRead);
    return [await textLengths(host, { ...settings, order, watch }, await openNamedTexts(settings.model)), notes];
  } catch (thrown) {
    if (!(thrown instanceof GorpError)) throw thrown;
    return [null, [...notes, `Texts are not counted: ${explained(reportOf(thrown))}`]];
  }
}

/** A table of the tasks, then what would be lost and what to do. */
function describeLengths(lengths: TextLengths, { training, model }: ChosenRun['settings']): string {
  const { sourceLength } = training;
  const tasks = countedIn(lengths);
  const failed = lengths.tasks.flatMap((task) => ('error' in task ? [`${task.name}: ${explained(task.error)}`] : []));
  const rows = tasks.map(({ name, texts, counted, cut, longest, answer, shortened }) => [
    name,
    counted === texts ? `${texts}` : `${counted} of ${texts}`,
    longest === null ? `over ${LONGEST}` : `${longest}`,
    `${cut}`,
    `${answer}`,
    `${shortened}`,
  ]);
  const table = [
    `| task | texts counted | longest prompt | cut at ${sourceLength} | longest answer | answers cut |`,
    '| --- | --: | --: | --: | --: | --: |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ];
  const enough = enoughFor(lengths);
  const longest = Math.max(0, ...tasks.map(({ answer }) => answer));
  const advice = [
    ...tasks
      .filter(({ question }) => question > sourceLength)
      .map(({ name, question }) => `${name}: the prompt takes ${question} tokens even without a text.`),
    tasks.some(({ cut }) => cut > 0) &&
      (enough === null
        ? 'Some texts are too long to count: shorten them in the file, or accept that they are cut.'
        : `No text is cut with --set training.sourceLength=${enough}.`),
    tasks.some(({ shortened }) => shortened > 0) && `No answer is cut with --set training.targetLength=${longest}.`,
  ].filter((line) => line !== false);
  const prompts = promptsText({ training, model });
  return [
    ...(prompts === null ? [] : [`${prompts}\n`]),
    ...(rows.length > 0 ? table : []),
    ...[...failed, ...advice].map((line) => `\n${line}`),
  ].join('\n');
}

export const PLAN_USAGE = `Usage: gorp-web plan [options]
       gorp-web plan --published

Estimates the memory that training takes, with texts of full length, and its time, from a short measurement of the
device. Counts the tokens of the texts, and says which would be cut. Needs no weights, only the small files of the model
or the header of its GGUF file. Drivers take some more memory.

${SETTINGS_USAGE}
  --device NAME    auto (default: a graphics card, else the CPU), gpu or cpu; no time for gpu if there is none
  --gpu-memory GIB fails if more is needed, and says what would help
  --published      prints a table of published model sizes instead, for gorp and labels of up to 50 tokens
  --json           one JSON object on stdout, in bytes
  --help`;

// The largest buffer that browsers allow on most cards.
const DEVICE: DeviceOutline = { kind: 'webgpu', limits: { buffer: 2 ** 31 - 4, total: null } };

/** `gorp-web plan`. @returns the exit code. */
export async function plan(args: string[]): Promise<number> {
  const options = {
    ...SETTINGS_OPTIONS,
    ...DEVICE_OPTIONS,
    published: { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const terminal = new Terminal(values.json);
  if (values.published) {
    refuseOptions(args, Object.keys({ ...SETTINGS_OPTIONS, ...DEVICE_OPTIONS }), '--published prints a fixed table');
    return published(terminal);
  }
  refuseOptions(args, ['gpu-share'], 'a plan trains nothing');
  const { device: choice, memoryBudget: budget } = deviceChoices(values);
  const chosen = await inStartingForm(await chooseRun(values, { readsTasks: false }), values);
  for (const note of chosen.notes ?? []) terminal.note(`Warning: ${note}`);
  const { model, method, training, order } = chosen.settings;
  const outline = await openNamedOutline(model);
  const labels = await labelsOf(chosen);
  const work = workAhead(chosen.settings, labels);
  const measured = await measuredDevice(choice);
  const { memory: planned, effort } = await planOf({
    config: outline.config,
    method,
    training,
    work,
    storedAs: storedTypes(outline),
    device: measured?.outline ?? DEVICE,
  });
  const own = chosen.customTasks.map(
    ({ name, train, test }) => [name, { train: train.length, test: test.length }] as const,
  );
  const [lengths, notCounted] = await countLengths(chosen);
  const tasks = tasksAhead(chosen.settings, new Map(own), labels, countedIn(lengths));
  const seconds = measured && tasks && secondsFor(workOfRun(chosen.settings, tasks, effort), measured.speed);
  const device = measured?.name ?? null;
  const what = { model, method: method.name, order, training, device, seconds: seconds ?? null };
  terminal.event({ type: 'memory-plan', ...what, plan: planned });
  terminal.result(describe(planned));
  if (planned.host > 0) terminal.result(`\nSpaces: ${formatBytes(planned.host)} of the computer’s own memory`);
  terminal.result(`\nCheckpoints: two of ${formatBytes(planned.checkpoint)} at most, on disk`);
  if (measured && seconds) terminal.result(`\nTime: ${roughly(seconds, limitsOf(seconds, false))} on ${measured.name}`);
  for (const note of notCounted) terminal.result(`\n${note}`);
  if (lengths) {
    terminal.event({ type: 'text-lengths', ...lengths, enough: enoughFor(lengths) });
    terminal.result(`\n${describeLengths(lengths, chosen.settings)}`);
  }
  checkBudget(planned, budget, training);
  checkHost(planned, measured?.outline.kind ?? 'webgpu', hostMemory());
  return EXIT.ok;
}

/** The device that would train, and its speed; undefined if a GPU is requested and there is none. */
async function measuredDevice(
  choice: DeviceChoice,
): Promise<{ outline: DeviceOutline; speed: Speed; name: string } | undefined> {
  try {
    const { device } = await openDevice(choice, nodeDeviceHost());
    try {
      return { outline: outlineOf(device), speed: await deviceSpeed(device), name: device.facts.description };
    } finally {
      await device.destroy();
    }
  } catch (thrown) {
    if (choice === 'gpu' && thrown instanceof GorpError && thrown.code.startsWith('gpu/')) return undefined;
    throw thrown;
  }
}

async function planOf(question: MemoryQuestion & { training: Parameters<typeof checkBudget>[2] }): Promise<RunPlan> {
  try {
    return await planRun(question);
  } catch (thrown) {
    throw asRefusal(thrown, question.training);
  }
}

/** Labels of every task of the order; empty if they cannot be read. */
function labelsOf({ settings, customTasks }: ChosenRun): Promise<string[][]> {
  const own = new Map(customTasks.map(({ name, labels }) => [name, labels]));
  return Promise.all(
    settings.order.map(async (name) => {
      const embedded = embeddedTask(name);
      if (embedded === null) {
        const known = own.get(name);
        if (known !== undefined || settings.tasks === 'embedded') return [...(known ?? [])];
        if (!Object.hasOwn(BENCHMARK_KINDS, name)) return []; // free answers
        const kind = BENCHMARK_KINDS[name];
        return loadLabels(nodeTaskReader(settings.tasks), kind, name).catch(() => []);
      }
      const { source, kind, cut } = embedded;
      const { task } = await loadTask(nodeTaskReader('embedded'), kind, source);
      return [...(cut ? cutByLabel(task, name, cut) : task).labels];
    }),
  );
}

/** A table of the parts, then of the moments. */
function describe({ parts, moment, moments }: MemoryPlan): string {
  const rows = [
    ...PARTS.filter((part) => parts[part] > 0).map((part) => [PART_NAMES[part], formatBytes(parts[part])]),
    ...(Object.keys(moments) as MemoryMoment[]).map((one) => [
      `**In all, while ${WHILE[one]}**${one === moment ? ' (the most)' : ''}`,
      formatBytes(moments[one] ?? 0),
    ]),
  ];
  return ['| use | memory |', '| --- | --: |', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

/** GORP on models of published size, as Markdown. */
async function published(terminal: Terminal): Promise<number> {
  const head = [
    'model',
    'batch',
    'frozen',
    'activations',
    'download',
    'weights',
    'trained',
    'Adam',
    'training',
    'testing',
  ];
  terminal.result(`| ${head.join(' | ')} |\n|${head.map((_, i) => (i < 4 ? ' --- |' : ' --: |')).join('')}`);
  for (const { name, config, batchSize, frozenWeights, activations, storedAs } of PUBLISHED_MODELS) {
    const lengths = { sourceLength: 512, targetLength: 50, gradientAccumulation: 1 };
    const memory = { batchSize, evaluationBatchSize: batchSize, frozenWeights, activations };
    const training = {
      ...lengths,
      ...memory,
      ...FAMILY_MODULES,
      trainedBlocks: 'all' as const,
      loadBest: 'last' as const,
    };
    const method = methodPreset('gorp');
    const work = {
      tasks: 4,
      validation: null,
      generalText: null,
      protects: [],
      freeTests: [],
      answer: lengths.targetLength,
      batch: { B: batchSize, S: 512, T: 50, shared: 0 },
      shapes: 1,
      tests: [testAhead(batchSize, 512, { nodes: 1 + 14 * 8, choices: 14 * 9 })],
    };
    const plan = await planMemory({ config, method, training, work, storedAs: () => storedAs, device: DEVICE });
    terminal.event({ type: 'memory-plan', model: name, method: method.name, training, plan });
    const { weights, trained, optimizer } = plan.parts;
    const { shapes } = familyOf(config).read(config);
    const parameters = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
    const download = parameters * (storedAs === 'F32' ? 4 : 2);
    const numbers = [download, weights, trained, optimizer, plan.moments.training ?? 0, plan.moments.testing ?? 0];
    const how = activations === 'keep' ? 'stored' : 'recomputed';
    terminal.result(`| ${[name, `${batchSize} × 512`, frozenWeights, how, ...numbers.map(formatBytes)].join(' | ')} |`);
  }
  return EXIT.ok;
}
