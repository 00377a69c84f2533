import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { basename, dirname, join } from 'node:path';
import * as ort from 'onnxruntime-web';

/**
 * Replaces onnxruntime-node, which is not installed because it downloads parts of itself at installation, by
 * onnxruntime-web's WebAssembly. As transformers.js expects of onnxruntime-node, it computes on the `cpu` and finds the
 * data files next to a model. Load this file by `--import`, before transformers.js.
 */
const create = (path: string, options: ort.InferenceSession.SessionOptions): Promise<ort.InferenceSession> => {
  const session = lastSession.then(() => createBesideData(path, options));
  lastSession = session;
  return session;
};

/** onnxruntime-web drops the data files of all pending sessions when one of them is ready, so create one at a time. */
let lastSession: Promise<unknown> = Promise.resolve();

async function createBesideData(
  path: string,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  const externalData = readdirSync(dirname(path))
    .filter((name) => name.startsWith(`${basename(path)}_data`))
    .map((name) => ({ path: name, data: new Uint8Array(readFileSync(join(dirname(path), name))) }));
  return ort.InferenceSession.create(new Uint8Array(readFileSync(path)), {
    ...options,
    executionProviders: ['wasm'],
    externalData,
  });
}

ort.env.wasm.numThreads = 1; // tests run in parallel
// By the version in `env` transformers.js would detect the browser runtime and fetch its files from a CDN.
const env = { ...ort.env, versions: {} };
const { resolve, cache } = createRequire(import.meta.resolve('@huggingface/transformers'));
const id = resolve('onnxruntime-node');
cache[id] = Object.assign(new Module(id), { exports: { ...ort, env, InferenceSession: { create } }, loaded: true });
