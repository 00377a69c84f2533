import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GorpError } from '../../src/base/errors.ts';
import { type Fault, startLocalHub } from '../../src/testing/local-hub.ts';
import { modelFiles, ramp } from '../../src/testing/model-of.ts';
import { NO_EMBEDDED } from '../../src/testing/no-embedded.ts';
import { PATIENCE } from '../../src/weights/connection.ts';
import { MemoryKeyValue } from '../../src/weights/key-value.ts';
import type { ModelFiles } from '../../src/weights/model-folder.ts';
import { parseModelReference } from '../../src/weights/model-reference.ts';
import { openModel, requireReference } from '../../src/weights/source.ts';
import { openStore, type WeightStore } from '../../src/weights/store.ts';
import { between, oneOf, type Outcome, type Storm, type StormOptions } from './storm.ts';

// A small model on a hub of this machine.

export const REPO = 'some-org/tiny.t5';
/** Of the model's only tensor. */
export const ELEMENTS = 1500;
/** Bytes of a part in the store. */
export const CHUNK = 1024;
export const openFromHub = (endpoint: string, store: WeightStore, patience = PATIENCE): Promise<ModelFiles> =>
  openModel(
    requireReference(parseModelReference(REPO), REPO),
    { store, embedded: NO_EMBEDDED, hub: { endpoint, token: null }, picked: new Map() },
    { patience },
  );

/** Whether the weights are those of the hub. */
export async function isWhole(model: ModelFiles): Promise<boolean> {
  const read = await model.readTensor('shared.weight');
  return read.length === ELEMENTS && ramp(ELEMENTS).every((value, i) => read[i] === value);
}

const EMBEDDED = join(import.meta.dirname, '../../public/embedded/model');

/** The files of the embedded model, for a hub. */
export async function readModel(): Promise<Record<string, Buffer>> {
  const names = (await readdir(EMBEDDED)).filter((name) => /\.(json|safetensors)$/.test(name));
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(EMBEDDED, name))] as const));
  return Object.fromEntries(files);
}

const WEIGHTS = 'model.safetensors';
/** Shorter than in normal use: half a minute without a byte, and seconds between attempts. */
const IMPATIENT = { stallMs: 300, backoffMs: [1, 1] };
/** Maximum milliseconds to open a model with these limits. */
const LONG = 10_000;

/** Opens a model from a hub that misbehaves, then from a sound one. */
export const server: Storm = {
  whole: 2000,
  what: 'the server stalls, cuts off or lies, up to six times in a download',
  run: async ({ count, random, note }: StormOptions): Promise<Outcome> => {
    const hub = await startLocalHub();
    const problems: string[] = [];
    const codes = new Set<string>();
    let [atOnce, refused, longest] = [0, 0, 0];
    try {
      const files = await modelFiles(ELEMENTS);
      hub.push(REPO, files);
      for (let i = 0; i < count; i++) {
        const store = await openStore(new MemoryKeyValue(), CHUNK);
        const drawn = faultsOf(random);
        for (const [file, faults] of drawn) hub.fault(file, ...faults);
        const reported = JSON.stringify([...drawn], (key, value: unknown) => (key === 'body' ? '…' : value));
        const begun = performance.now();
        try {
          if (!(await isWhole(await openFromHub(hub.endpoint, store, IMPATIENT))))
            problems.push(`${reported} gave wrong weights`);
          atOnce++;
        } catch (thrown) {
          refused++;
          if (thrown instanceof GorpError && thrown.nextStep.length > 10) codes.add(thrown.code);
          else problems.push(`${reported}: ${String(thrown)}`);
        }
        const took = performance.now() - begun;
        longest = Math.max(longest, took);
        if (took > LONG) problems.push(`${reported} took ${(took / 1000).toFixed(1)} s`);
        for (const file of ['api', ...Object.keys(files)]) hub.fault(file);
        const mended = await openFromHub(hub.endpoint, store).then(isWhole, String);
        if (mended !== true)
          problems.push(`${reported}, then a sound server: ${mended === false ? 'wrong weights' : mended}`);
        if ((await store.partials()).length > 0) problems.push(`${reported} left part of a file`);
        if ((i + 1) % 200 === 0) note(`${i + 1} downloads`);
      }
    } finally {
      await hub.close();
    }
    const figures = `${atOnce} downloads succeeded anyway, ${refused} were refused with a next step and one of ${codes.size} codes (${[...codes].sort().join(', ')}); afterwards all succeeded from a sound server; longest ${(longest / 1000).toFixed(1)} s`;
    return { figures, problems };
  },
};

function faultsOf(random: () => number): Map<string, Fault[]> {
  const faults = new Map<string, Fault[]>();
  for (let i = between(random, 1, 7); i > 0; i--) {
    const file = oneOf(random, ['api', 'config.json', 'tokenizer.json', WEIGHTS, WEIGHTS, WEIGHTS]);
    const fault = file === 'api' ? { status: oneOf(random, STATUSES) } : faultOf(random, file);
    faults.set(file, [...(faults.get(file) ?? []), fault]);
  }
  return faults;
}

const STATUSES = [400, 401, 403, 404, 408, 410, 416, 429, 500, 502, 503];

function faultOf(random: () => number, file: string): Fault {
  const after = between(random, 0, file === WEIGHTS ? 4 * ELEMENTS : 20);
  const faults: Fault[] = [
    { status: oneOf(random, STATUSES) },
    { cutAfter: after },
    { cutAfter: after },
    { stallAfter: after },
    { html: true },
    { ignoresRange: true },
  ];
  // Only the weights have a known hash, so an exchanged small file cannot be detected.
  if (file === WEIGHTS) {
    const body = new Uint8Array(between(random, 0, 8 * ELEMENTS));
    faults.push({ corrupts: true }, { corrupts: true, cutAfter: after }, { changedTo: { etag: '"other"', body } });
    faults.push({ headers: { 'content-length': '7' }, status: 200 });
  }
  return oneOf(random, faults);
}
