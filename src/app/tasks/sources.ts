import { type RunSettings, testedTasks } from '../../run/settings.ts';
import { KINDS } from '../../tasks/kinds.ts';
import { EMBEDDED_TEXTS, isEmbedded, isEmbeddedText } from '../../tasks/embedded-text.ts';
import { BENCHMARK_KINDS } from '../../tasks/orders.ts';
import type { PageTasks } from '../../worker/protocol.ts';
import { EMBEDDED_TASKS, type TaskCard } from '../setup/catalogue.ts';
import type { TaskData } from './task-store.ts';

/** Tasks that can be added to an order, from one source. */
export interface TaskGroup {
  title: string;
  names: readonly string[];
}

const isBenchmark = (name: string): boolean => Object.hasOwn(BENCHMARK_KINDS, name);

/** What can be added to a draft, to be learned or only tested. CL_Benchmark datasets need a folder or an address. */
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
    { title: 'CL_Benchmark', names: datasetsOf(draft.tasks, data) },
  ];
  return groups
    .map(({ title, names }) => ({ title, names: names.filter((name) => !chosen.includes(name)) }))
    .filter(({ names }) => names.length > 0);
}

/** The datasets of a source, as far as they are known before it is read. */
function datasetsOf(tasks: string, { folder }: TaskData): readonly string[] {
  if (tasks === 'picked') return folder?.datasets ?? [];
  return tasks === 'embedded' ? [] : Object.keys(BENCHMARK_KINDS);
}

/** A task's question, and its labels if they are known before it is read. */
export function taskCard(name: string, { custom }: TaskData): TaskCard {
  const embedded = EMBEDDED_TASKS.find((task) => task.name === name);
  if (embedded !== undefined) return embedded;
  if (isBenchmark(name)) {
    return { name, question: KINDS[BENCHMARK_KINDS[name] ?? ''] ?? 'A dataset of CL_Benchmark.', labels: [] };
  }
  const task = custom.find(({ spec }) => spec.name === name);
  return { name, question: task?.spec.instruction ?? 'A custom task.', labels: task?.labels ?? [] };
}

/** Why an order cannot run with the tasks at hand, in words; null if it can. */
export function orderProblem(draft: Pick<RunSettings, 'order' | 'watch' | 'tasks'>, data: TaskData): string | null {
  const { tasks } = draft;
  const order = testedTasks(draft);
  const untrained = draft.order.find(isEmbeddedText);
  if (untrained !== undefined) return `${untrained} can only be tested.`;
  const custom = data.custom.map(({ spec }) => spec.name);
  const unknown = order.filter((name) => !isEmbedded(name) && !isBenchmark(name) && !custom.includes(name));
  if (unknown.length > 0) return `${listed(unknown)} missing: add the file again, or remove the task.`;
  const wanted = order.filter(isBenchmark);
  if (wanted.length === 0) return null;
  if (tasks === 'embedded') return 'Choose the CL_Benchmark folder below, or enter its address.';
  const missing = wanted.filter((name) => !datasetsOf(tasks, data).includes(name));
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
  const needed = custom.filter(({ spec }) => testedTasks(settings).includes(spec.name));
  return {
    folder: tasks === 'picked' && folder !== null ? folder.files : new Map(),
    custom: new Map(needed.map(({ spec, data }) => [spec.name, data])),
  };
}
