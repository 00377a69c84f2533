import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type * as transformers from '@huggingface/transformers';
import * as ort from 'onnxruntime-web';

type Library = typeof transformers;

/**
 * transformers.js in Node, on onnxruntime-web's WebAssembly: onnxruntime-node fetches parts of itself at installation, so
 * it is not installed. transformers.js takes the runtime that it finds under this symbol, and expects of it what
 * onnxruntime-node does: that it finds the data files beside a model.
 *
 * @param folder in which models lie; the names of models are those of its folders.
 */
export async function transformersJs(folder: string): Promise<Library> {
  const create = (path: string, options: ort.InferenceSession.SessionOptions): Promise<ort.InferenceSession> => {
    const session = lastSession.then(() => createBesideData(path, options));
    lastSession = session;
    return session;
  };
  Object.assign(globalThis, { [Symbol.for('onnxruntime')]: { ...ort, InferenceSession: { create } } });
  const library = await import('@huggingface/transformers');
  Object.assign(library.env, { allowLocalModels: true, allowRemoteModels: false, useWasmCache: false });
  library.env.localModelPath = `${folder}/`;
  Object.assign(ort.env.wasm, { wasmPaths: undefined, numThreads: 1 }); // not those of a CDN
  return library;
}

/** onnxruntime-web forgets the data files of all sessions that are being made when one of them is ready. */
let lastSession: Promise<unknown> = Promise.resolve();

async function createBesideData(
  path: string,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  const externalData = readdirSync(dirname(path))
    .filter((name) => name.startsWith(`${basename(path)}_data`))
    .map((name) => ({ path: name, data: new Uint8Array(readFileSync(join(dirname(path), name))) }));
  return ort.InferenceSession.create(new Uint8Array(readFileSync(path)), { ...options, externalData });
}
