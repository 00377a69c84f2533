import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { basename, dirname, join } from 'node:path';
import * as ort from 'onnxruntime-web';

/**
 * onnxruntime-web's WebAssembly in the place of onnxruntime-node, which fetches parts of itself at installation, so that it
 * is not installed. It does what transformers.js expects of onnxruntime-node: it computes on the `cpu`, and finds the data
 * files beside a model. Programs get it by `--import` of this file, before they import transformers.js.
 */
const create = (path: string, options: ort.InferenceSession.SessionOptions): Promise<ort.InferenceSession> => {
  const session = lastSession.then(() => createBesideData(path, options));
  lastSession = session;
  return session;
};

/** onnxruntime-web forgets the data files of all sessions that are being made when one of them is ready. */
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

ort.env.wasm.numThreads = 1;
// By its version in `env` transformers.js knows the runtime of browsers, whose files it would take from a CDN.
const env = { ...ort.env, versions: {} };
const { resolve, cache } = createRequire(import.meta.resolve('@huggingface/transformers'));
const id = resolve('onnxruntime-node');
cache[id] = Object.assign(new Module(id), { exports: { ...ort, env, InferenceSession: { create } }, loaded: true });
