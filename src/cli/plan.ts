import type { DeviceOutline } from '../device/counting-device.ts';
import { methodPreset } from '../methods/registry.ts';
import { asRefusal, checkBudget, inGiB, type MemoryPlan, PART_NAMES, PARTS, type Moment } from '../run/memory-plan.ts';
import { declaredType, type MemoryQuestion, planMemory } from '../run/plan-memory.ts';
import { workAhead } from '../run/planned-work.ts';
import { loadTask } from '../tasks/benchmark.ts';
import { EMBEDDED_KINDS } from '../tasks/orders.ts';
import { memoryBudget, noPositionals, readArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { nodeTaskReader } from './host.ts';
import { openNamedConfig } from './places.ts';
import { PUBLISHED_MODELS } from './published-models.ts';
import { chooseRun, type ChosenRun, SETTINGS_OPTIONS, SETTINGS_USAGE } from './run-settings.ts';
import { Terminal } from './terminal.ts';

export const PLAN_USAGE = `Usage: gorp-web plan [options]
       gorp-web plan --published

Tells what training takes on a GPU, with texts of the full length; needs neither GPU nor weights, only the config.json of
the model. Drivers take some more.

${SETTINGS_USAGE}
  --gpu-memory GIB fails, with what would help, when more is needed
  --published      a table of models of published sizes instead, by gorp and with labels of up to 50 tokens
  --json           one JSON object on stdout, bytes
  --help`;

/** What Chrome allows in one buffer on most GPUs, bytes. */
// What browsers allow in one buffer on most cards.
const DEVICE: DeviceOutline = { kind: 'webgpu', limits: { buffer: 2 ** 31 - 4, total: null } };

/** `gorp-web plan`. @returns the exit code. */
export async function plan(args: string[]): Promise<number> {
  const options = {
    ...SETTINGS_OPTIONS,
    'gpu-memory': { type: 'string' },
    published: { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = readArguments(args, options);
  noPositionals(positionals);
  const terminal = new Terminal(values.json);
  if (values.published) return published(terminal);
  const budget = memoryBudget(values['gpu-memory']);
  const chosen = await chooseRun(values, { readsTasks: false });
  const { model, method, training, order } = chosen.settings;
  const config = await openNamedConfig(model);
  const work = workAhead(chosen.settings, await labelsOf(chosen));
  const planned = await planOf({
    config,
    method,
    training,
    work,
    storedAs: () => declaredType(config),
    device: DEVICE,
  });
  terminal.event({ type: 'memory-plan', model, method: method.name, order, training, plan: planned });
  terminal.result(describe(planned));
  checkBudget(planned, budget, training);
  return EXIT.ok;
}

async function planOf(question: MemoryQuestion & { training: Parameters<typeof checkBudget>[2] }): Promise<MemoryPlan> {
  try {
    return await planMemory(question);
  } catch (thrown) {
    throw asRefusal(thrown, question.training);
  }
}

/** Labels of every task of the order; none of those that are read from elsewhere. */
function labelsOf({ settings, ownTasks }: ChosenRun): Promise<string[][]> {
  const own = new Map(ownTasks.map(({ name, labels }) => [name, labels]));
  return Promise.all(
    settings.order.map(async (name) => {
      if (!Object.hasOwn(EMBEDDED_KINDS, name)) return [...(own.get(name) ?? [])];
      const { task } = await loadTask(nodeTaskReader('embedded'), EMBEDDED_KINDS[name], name);
      return [...task.labels];
    }),
  );
}

const WHILE: Readonly<Record<Moment, string>> = {
  training: 'training',
  measuring: 'spaces grow',
  testing: 'testing',
};

/** A table of the parts, then of the moments. */
function describe({ parts, moment, moments }: MemoryPlan): string {
  const rows = [
    ...PARTS.filter((part) => parts[part] > 0).map((part) => [PART_NAMES[part], inGiB(parts[part])]),
    ...(Object.keys(moments) as Moment[]).map((one) => [
      `**In all, while ${WHILE[one]}**${one === moment ? ' (the most)' : ''}`,
      inGiB(moments[one] ?? 0),
    ]),
  ];
  return ['| use | GPU memory |', '| --- | --: |', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

/** GORP on models of published size, as Markdown. */
async function published(terminal: Terminal): Promise<number> {
  const head = ['model', 'batch', 'frozen', 'activations', 'weights', 'trained', 'Adam', 'training', 'testing'];
  terminal.result(`| ${head.join(' | ')} |\n|${head.map((_, i) => (i < 4 ? ' --- |' : ' --: |')).join('')}`);
  for (const { name, config, batchSize, frozenWeights, activations, storedAs } of PUBLISHED_MODELS) {
    const lengths = { sourceLength: 512, targetLength: 50, gradientAccumulation: 1 };
    const training = { ...lengths, batchSize, evaluationBatchSize: batchSize, frozenWeights, activations };
    const method = methodPreset('gorp');
    const work = {
      tasks: 4,
      batch: { B: batchSize, S: 512, T: 50 },
      tests: [{ B: batchSize, S: 512, nodes: 1 + 14 * 8, choices: 14 * 9, pool: { B: batchSize, S: 512 } }],
    };
    const plan = await planMemory({ config, method, training, work, storedAs: () => storedAs, device: DEVICE });
    terminal.event({ type: 'memory-plan', model: name, method: method.name, training, plan });
    const { weights, trained, optimizer } = plan.parts;
    const numbers = [weights, trained, optimizer, plan.moments.training ?? 0, plan.moments.testing ?? 0];
    const how = activations === 'keep' ? 'kept' : 'again';
    terminal.result(`| ${[name, `${batchSize} × 512`, frozenWeights, how, ...numbers.map(inGiB)].join(' | ')} |`);
  }
  return EXIT.ok;
}
