import type { Results } from './results.ts';
import { mainScore } from '../../tasks/forms.ts';
import type { RunSettings } from '../settings/settings.ts';

/** The values of settings as text, by dotted path. */
export type FlatSettings = ReadonlyMap<string, string>;

/** Settings with one text per leaf. An order is a single text, since its tasks mean little one by one. */
export function flatSettings(settings: RunSettings): FlatSettings {
  const flat = new Map<string, string>();
  const visit = (path: string, value: unknown): void => {
    if (Array.isArray(value)) flat.set(path, value.join(', '));
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) visit(path === '' ? key : `${path}.${key}`, inner);
    else flat.set(path, String(value));
  };
  visit('', settings);
  return flat;
}

/** For what results of earlier versions do not say. */
const NOT_RECORDED = 'not recorded';

/** The small files of every model. */
const FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json'];

/**
 * Returns the sources of a run: by hash `weights`, `files.NAME` for the model's small files, `texts.TASK` for each
 * task; and `score.TASK`, the score that counts for it.
 */
export function sourcesOfRun({ model, tasks }: Pick<Results, 'model' | 'tasks'>): FlatSettings {
  const names = [...new Set([...FILES, ...Object.keys(model.files ?? {})])];
  const files = names.map((name): [string, string] => [
    `files.${name}`,
    model.files === undefined ? NOT_RECORDED : (model.files[name] ?? 'none'),
  ]);
  const texts = tasks.map((task): [string, string] => [`texts.${task.name}`, task.texts ?? NOT_RECORDED]);
  const scores = tasks.map((task): [string, string] => [`score.${task.name}`, mainScore(task)]);
  return new Map([['weights', model.weights ?? NOT_RECORDED], ...files, ...texts, ...scores]);
}

/** Returns the name that people know for a source of {@link sourcesOfRun}; null for other paths. */
export function sourceName(path: string): string | null {
  if (path === 'weights') return path;
  const [, kind, name] = /^(files|texts|score)\.(.+)$/.exec(path) ?? [];
  if (kind === undefined) return null;
  return kind === 'files' ? name : `${kind === 'score' ? 'main score' : kind} of ${name}`;
}

/**
 * Whatever makes a run what it is, except for the seed: settings, weights, texts and main scores. The general text that it
 * is measured by changes nothing of what it learns.
 */
function likenessOf(results: Pick<Results, 'settings' | 'model' | 'tasks'>): FlatSettings {
  const all = new Map([...flatSettings(results.settings), ...sourcesOfRun(results)]);
  all.delete('training.seed');
  all.delete('training.generalText');
  return all;
}

/** Names in which likenesses differ. */
export function differingPaths(all: readonly FlatSettings[]): string[] {
  const paths = new Set(all.flatMap((one) => [...one.keys()]));
  return [...paths].filter((path) => new Set(all.map((one) => one.get(path))).size > 1);
}

/** Runs that may stand in one row of a table, their mean taken: they are alike, whatever their seed. */
interface AlikeRuns {
  readonly likeness: FlatSettings;
  readonly runs: readonly Results[];
}

/**
 * Groups runs by their likeness, in order of first occurrence.
 *
 * @param acrossOrders whether runs on the same tasks in another order are alike.
 */
export function groupAlike(all: readonly Results[], acrossOrders = false): AlikeRuns[] {
  const groups = new Map<string, { likeness: FlatSettings; runs: Results[] }>();
  for (const results of all) {
    const likeness = new Map(likenessOf(results));
    if (acrossOrders) likeness.set('order', results.settings.order.toSorted().join(', '));
    const text = JSON.stringify([...likeness].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const group = groups.get(text) ?? { likeness, runs: [] };
    group.runs.push(results);
    groups.set(text, group);
  }
  return [...groups.values()];
}
