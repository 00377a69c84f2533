import { GorpError } from '../base/errors.ts';
import type { RunHost } from '../run/events/host.ts';
import {
  baseOf,
  type FileHashes,
  fileHashes,
  hasOtherTexts,
  type Identity,
  otherFiles,
} from '../run/results/identity.ts';
import type { Results } from '../run/results/results.ts';
import { mainScore, type Score } from '../tasks/forms.ts';
import { loadNamed, type TaskHost } from '../run/tasks/task-data.ts';
import { taskHash } from '../tasks/task.ts';
import { type NodeChoices, nodeHost } from './host.ts';

interface TaskNow {
  readonly texts: string;
  readonly score: Score;
}

/** Compares what finished runs were made of with what is there now. Reads each model and each task once. */
export class Provenance {
  readonly #host: TaskHost & Pick<RunHost, 'openModel'>;
  readonly #models = new Map<string, Promise<{ files: FileHashes; weights: string }>>();
  readonly #tasks = new Map<string, Promise<TaskNow>>();

  constructor(host: TaskHost & Pick<RunHost, 'openModel'>) {
    this.#host = host;
  }

  /**
   * Names the sources of a run that are now different, in words; null if none. A model at a commit cannot change, and
   * runs of earlier versions do not tell everything.
   *
   * @throws GorpError if the model or a task cannot be opened.
   */
  async changes(run: Pick<Results, keyof Identity>): Promise<string | null> {
    const { model, tasks, settings } = run;
    const changed: string[] = [];
    if (model.commit === null && model.files !== undefined) {
      const { files, weights } = await this.#modelOf(run);
      const others = otherFiles(run, files);
      if (others !== null) changed.push(others);
      if (model.weights !== undefined && model.weights !== weights) changed.push('the weights');
    }
    for (const task of tasks) {
      if (task.texts === undefined) continue;
      const { texts, score } = await this.#taskOf(task.name, settings.tasks);
      if (hasOtherTexts(run, task.name, texts)) changed.push(`the texts of ${task.name}`);
      if (mainScore(task) !== score) changed.push(`the main score of ${task.name}`);
    }
    return changed.length === 0 ? null : changed.join(', ');
  }

  #modelOf(run: Identity): Promise<{ files: FileHashes; weights: string }> {
    const { promptForm } = run.settings.training;
    const open = async (): Promise<{ files: FileHashes; weights: string }> => {
      const inspect = (): Promise<void> => Promise.resolve();
      const { signal } = new AbortController();
      const model = await this.#host.openModel(baseOf(run), () => undefined, signal, inspect);
      return { files: await fileHashes(model, { promptForm }), weights: await model.contentHash() };
    };
    return remembered(this.#models, `${promptForm} ${baseOf(run)}`, open);
  }

  #taskOf(name: string, source: string): Promise<TaskNow> {
    return remembered(this.#tasks, `${name} ${source}`, async () => {
      const { task } = await loadNamed(this.#host, name, source, new AbortController().signal);
      return { texts: await taskHash(task), score: mainScore(task) };
    });
  }
}

function remembered<T>(known: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? find();
  known.set(key, found);
  return found;
}

/** Compares the runs of this command line with the models and tasks that it names. */
export const nodeProvenance = (choices: NodeChoices): Provenance => new Provenance(nodeHost(choices));

/**
 * Refuses results of a run whose model or texts have changed since, as the results of this command.
 *
 * @param where they are.
 * @param nextStep what else to do.
 * @throws GorpError `run/made-of-other`, naming what has changed; and if the model or a task cannot be opened.
 */
export async function refuseChanged(
  provenance: Provenance,
  results: Results,
  where: string,
  nextStep: string,
): Promise<void> {
  const changed = await provenance.changes(results);
  if (changed === null) return;
  throw new GorpError(
    'run/made-of-other',
    `${where} has the results of a finished run, but what it was made of has changed since: ${changed}.`,
    nextStep,
  );
}
