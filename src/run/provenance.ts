import type { RunHost } from './host.ts';
import { baseOf, type FileHashes, fileHashes, hasOtherTexts, type Identity, otherFiles } from './identity.ts';
import type { Results } from './results.ts';
import { loadNamed, type TaskHost } from './task-data.ts';
import { taskHash } from '../tasks/task-hash.ts';

/** Compares what finished runs were made of with what is there now. Reads each model and each task once. */
export class Provenance {
  readonly #host: TaskHost & Pick<RunHost, 'openModel'>;
  readonly #models = new Map<string, Promise<{ files: FileHashes; weights: string }>>();
  readonly #texts = new Map<string, Promise<string>>();

  constructor(host: TaskHost & Pick<RunHost, 'openModel'>) {
    this.#host = host;
  }

  /**
   * What a run was made of that is now different, in words; null if nothing. A model at a commit cannot change, and
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
    for (const { name, texts } of tasks) {
      if (texts === undefined) continue;
      if (hasOtherTexts(run, name, await this.#textsOf(name, settings.tasks))) changed.push(`the texts of ${name}`);
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

  #textsOf(name: string, source: string): Promise<string> {
    return remembered(this.#texts, `${name} ${source}`, async () => {
      const { task } = await loadNamed(this.#host, name, source, new AbortController().signal);
      return taskHash(task);
    });
  }
}

function remembered<T>(known: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? find();
  known.set(key, found);
  return found;
}
