import { namedTasks, ownText, type RunSettings, testedTasks } from '../../run/settings/settings.ts';
import { KINDS } from '../../tasks/kinds.ts';
import { EMBEDDED_TEXTS, isEmbedded, isEmbeddedText } from '../../tasks/embedded-text.ts';
import { BENCHMARK_NAMES, BENCHMARKS, benchmarkOf } from '../../tasks/benchmarks.ts';
import { BENCHMARK_KINDS } from '../../tasks/orders.ts';
import type { PageTasks } from '../../worker/protocol.ts';
import { EMBEDDED_TASKS, type TaskCard } from '../../tasks/embedded-tasks.ts';
import type { TaskData } from './task-store.ts';

/** Tasks that can be added to an order, from one source. */
export interface TaskGroup {
  title: string;
  names: readonly string[];
}

/** What can be added to a draft, to be learned or only tested. Datasets of benchmarks need a folder or an address. */
export function addableTasks(
  draft: Pick<RunSettings, 'order' | 'watch' | 'tasks'>,
  data: TaskData,
  use: 'learn' | 'watch' = 'learn',
): TaskGroup[] {
  const chosen = testedTasks(draft);
  const groups: TaskGroup[] = [
    { title: 'Custom', names: data.custom.map(({ spec }) => spec.name) },
    { title: 'What the embedded models can do', names: use === 'watch' ? Object.keys(EMBEDDED_TEXTS) : [] },
    { title: 'Embedded', names: EMBEDDED_TASKS.map(({ name }) => name) },
    ...BENCHMARKS.map(({ name, datasets }) => ({
      title: name,
      names: datasetsOf(draft.tasks, data).filter((one) => datasets.includes(one) && !isCustom(one, data)),
    })),
  ];
  return groups
    .map(({ title, names }) => ({ title, names: names.filter((name) => !chosen.includes(name)) }))
    .filter(({ names }) => names.length > 0);
}

/** What can be the general text of a draft, by its setting: the included text, or a custom task that is not learned. */
export function generalTexts(
  { order, training }: Pick<RunSettings, 'order' | 'training'>,
  { custom }: TaskData,
): { value: string; name: string }[] {
  const own = custom.filter(({ spec }) => !order.includes(spec.name)).map(({ spec }) => spec.name);
  return [
    { value: 'included', name: 'the included text' },
    ...own.map((name) => ({ value: `own:${name}`, name })),
  ].filter(({ value }) => value !== training.generalText);
}

/** The datasets of a source, as far as they are known before it is read. */
function datasetsOf(tasks: string, { folder }: TaskData): readonly string[] {
  if (tasks === 'picked') return folder?.datasets ?? [];
  return tasks === 'embedded' ? [] : BENCHMARKS.flatMap(({ datasets }) => datasets);
}

const isCustom = (name: string, { custom }: TaskData): boolean => custom.some(({ spec }) => spec.name === name);

/** A task's question, and its labels if they are known before it is read. */
export function taskCard(name: string, { custom }: TaskData): TaskCard {
  const benchmark = benchmarkOf(name);
  const embedded = EMBEDDED_TASKS.find((task) => task.name === name);
  if (embedded !== undefined) return embedded;
  const task = custom.find(({ spec }) => spec.name === name);
  if (task === undefined && benchmark !== undefined) {
    return { name, question: KINDS[BENCHMARK_KINDS[name] ?? ''] ?? `A task of ${benchmark.name}.`, labels: [] };
  }
  return { name, question: task?.spec.instruction ?? 'A custom task.', labels: task?.labels ?? [] };
}

/** Why an order cannot run with the tasks at hand, in words; null if it can. */
export function orderProblem(
  draft: Pick<RunSettings, 'order' | 'watch' | 'tasks' | 'training'>,
  data: TaskData,
): string | null {
  const { tasks } = draft;
  const text = ownText(draft);
  if (text !== null && !isCustom(text, data))
    return `The general text ${text} is missing: add the file again, or leave it out.`;
  const order = testedTasks(draft);
  const untrained = draft.order.find(isEmbeddedText);
  if (untrained !== undefined) return `${untrained} can only be tested.`;
  const published = order.filter((name) => benchmarkOf(name) !== undefined && !isCustom(name, data));
  const unknown = order.filter((name) => !isEmbedded(name) && !published.includes(name) && !isCustom(name, data));
  if (unknown.length > 0) return `${listed(unknown)} missing: add the file again, or remove the task.`;
  const [first] = published;
  if (first === undefined) return null;
  if (tasks === 'embedded') {
    return `Choose the folder of ${benchmarkOf(first)?.name ?? BENCHMARK_NAMES} below, or enter its address.`;
  }
  const missing = published.filter((name) => !datasetsOf(tasks, data).includes(name));
  return missing.length === 0 ? null : `${listed(missing)} not in the chosen folder.`;
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ' and others' : ''} ${names.length === 1 ? 'is' : 'are'}`;

/** The examples of the custom tasks, by name. */
export const sizesOf = ({ custom }: TaskData): ReadonlyMap<string, { train: number; test: number }> =>
  new Map(custom.map(({ spec, trainExamples: train, testExamples: test }) => [spec.name, { train, test }]));

/** The custom tasks that a run with these settings needs. */
export function pageTasksOf(settings: RunSettings, { custom, folder }: TaskData): PageTasks {
  const { tasks } = settings;
  const needed = custom.filter(({ spec }) => namedTasks(settings).includes(spec.name));
  return {
    folder: tasks === 'picked' && folder !== null ? folder.files : new Map(),
    custom: new Map(needed.map(({ spec, data }) => [spec.name, data])),
  };
}
