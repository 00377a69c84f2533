import { joined } from '../../base/pieces.ts';
import { randomId } from '../../base/random.ts';
import type { ParsedConfig } from '../../models/families.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import type { GraphFiles } from '../../onnx/onnx-files.ts';
import { openTextModel, type Runtime, type TextModel } from '../../onnx/runtime/text-model.ts';
import type { OutputFile } from '../../weights/exports/output-file.ts';
import { makeFolder, removeFrom, writeHandle } from '../private-files.ts';

/**
 * A file in the form in which onnxruntime-web accepts external data, which it reads tensor by tensor while it makes a
 * session. It expects a `Uint8Array` but uses only `byteLength` and `subarray` (`LoadWebAssemblyExternalData` in
 * core/framework/tensorprotoutils.cc), so JavaScript never holds more than one tensor. A Blob would be read as a whole
 * first.
 *
 * @param read returns bytes of the file synchronously; a worker has `FileReaderSync` for this.
 */
function fileBytes(bytes: number, read: (begin: number, end: number) => Uint8Array): Uint8Array {
  const file = new Uint8Array(0);
  Object.defineProperty(file, 'byteLength', { value: bytes });
  Object.defineProperty(file, 'subarray', { value: (begin: number, end: number) => read(begin, end) });
  return file;
}

/** A Blob's bytes, synchronously. Works in workers only. */
const readNow = (blob: Blob, begin: number, end: number): Uint8Array =>
  new Uint8Array(new FileReaderSync().readAsArrayBuffer(blob.slice(begin, end)));

/** Stores data files until a session is made from them. */
export interface Stage {
  /** Writes a file, replacing any at the same path. */
  write(file: OutputFile): Promise<void>;
  size(path: string): number;
  /** Bytes of a written file. */
  read(path: string, begin: number, end: number): Uint8Array;
}

/** A model whose rounds can be asked. */
export interface RoundsModel {
  config: ParsedConfig;
  /** Its graphs after a round, or before training (0); only the external data differs between rounds. */
  graphs(round: number, dtype: OnnxDtype): Promise<GraphFiles[]>;
}

/**
 * Prepares rounds for the runtime, one at a time, so that there is never more than one in memory. Weights shared by the
 * rounds are written once; those that a round trained, on demand.
 */
export class PreparedModels {
  readonly #written = new Set<string>();
  #open: { key: string; model: TextModel } | undefined;

  readonly #rounds: RoundsModel;
  readonly #stage: Stage;

  constructor(rounds: RoundsModel, stage: Stage) {
    this.#rounds = rounds;
    this.#stage = stage;
  }

  /**
   * Opens the model after a round and closes the previous one.
   *
   * @throws what reading and writing the files throws; what onnxruntime throws if it cannot make a session.
   */
  async open(runtime: Runtime, provider: 'webgpu' | 'wasm', round: number, dtype: OnnxDtype): Promise<TextModel> {
    const key = `${provider} ${dtype} ${round}`;
    if (this.#open?.key === key) return this.#open.model;
    await this.close();
    const graphs = await this.#rounds.graphs(round, dtype);
    for (const file of graphs.flatMap(({ data }) => data)) {
      if (this.#written.has(file.path)) continue;
      await this.#stage.write(file);
      if (!file.isApart) this.#written.add(file.path);
    }
    const model = await openTextModel(runtime, this.#rounds.config, async (name) => {
      const graph = graphs.find((one) => one.name === name);
      if (graph === undefined) throw new Error(`The export has no graph ${name}.`);
      return runtime.InferenceSession.create(await joined(graph.model.content()), {
        executionProviders: [provider],
        externalData: graph.data.map(({ path }) => ({
          path,
          data: fileBytes(this.#stage.size(path), (begin, end) => this.#stage.read(path, begin, end)),
        })),
      });
    });
    this.#open = { key, model };
    return model;
  }

  async close(): Promise<void> {
    const { model } = this.#open ?? {};
    this.#open = undefined;
    await model?.release();
  }
}

/**
 * Data files in the browser's private file system, in a folder per worker, `try/ID/…`. The worker holds a lock of that
 * name.
 */
const FOLDER = 'try';
const lockOf = (id: string): string => `gorp-web-${FOLDER}/${id}`;

/**
 * A stage for this worker alone. Removes what earlier workers left.
 *
 * @throws GorpError `store/failed` if the browser has no such file system; `write` also `store/quota`.
 */
export async function openStage(): Promise<Stage> {
  const all = await makeFolder([FOLDER]);
  const id = randomId();
  await new Promise<void>((resolve, reject) => {
    // Held for as long as the worker lives.
    navigator.locks
      .request(lockOf(id), () => {
        resolve();
        return new Promise<never>(() => undefined);
      })
      .catch(reject);
  });
  const { held = [] } = await navigator.locks.query();
  const busy = new Set(held.map(({ name }) => name));
  for await (const name of all.keys()) if (!busy.has(lockOf(name))) await removeFrom(all, name);
  const folder = await makeFolder([FOLDER, id]);
  const written = new Map<string, File>();
  const file = (path: string): File => {
    const found = written.get(path);
    if (found === undefined) throw new Error(`${path} has not been written.`);
    return found;
  };
  return {
    write: async ({ path, content }: OutputFile) => {
      const handle = await folder.getFileHandle(path, { create: true });
      await writeHandle(handle, content());
      written.set(path, await handle.getFile());
    },
    size: (path) => file(path).size,
    read: (path, begin, end) => readNow(file(path), begin, end),
  };
}
