import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import { type LocalHub, sendFile, startLocalHub } from '../../testing/local-hub.ts';
import { serveLocally } from '../../testing/local-server.ts';
import { MemoryKeyValue } from '../key-value.ts';
import type { InspectTexts, ModelFiles } from '../model-folder.ts';
import type { ModelProgress } from '../model-messages.ts';
import { parseModelReference } from '../model-reference.ts';
import { type ModelPlaces, openModel, readOutline, readOutlineHere, requireReference } from '../source.ts';
import { openStore } from '../store.ts';
import { listModels, removeModel } from '../stored-models.ts';
import { PickedFolder } from '../picked-folder.ts';
import { ggufOf, type TestValue, tinyLlamaGguf } from '../../testing/gguf-of.ts';
import { NO_EMBEDDED } from '../../testing/no-embedded.ts';
import { openGguf } from './model.ts';
import { FIRST_PIECE } from './piece-reader.ts';

const FILE = 'tiny-F32.gguf';
const EMBEDDING = 'model.embed_tokens.weight';
const FIRST = `bytes=0-${FIRST_PIECE - 1}`;
let hub: LocalHub;
let places: ModelPlaces;

beforeEach(async () => {
  hub = await startLocalHub();
  const store = await openStore(new MemoryKeyValue(), 4096);
  places = { store, embedded: NO_EMBEDDED, hub: { endpoint: hub.endpoint, token: null }, picked: new Map() };
});
afterEach(() => hub.close());

const open = (name: string, inspect?: InspectTexts): Promise<ModelFiles> =>
  openModel(requireReference(parseModelReference(name), name), places, {
    inspect,
    patience: { stallMs: 2000, backoffMs: [0] },
  });
const asked = (): (string | undefined)[] => hub.cdnRequests.map(({ range }) => range);
const failed = async (work: Promise<unknown>): Promise<GorpError> => {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof GorpError) return thrown;
  throw new Error('It worked, or failed in another way.', { cause: thrown });
};

/** A file cut in two, as llama.cpp's gguf-split does. */
function splitLlama(): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const split = (no: number): Record<string, TestValue> => ({
    'split.no': ['uint16', no],
    'split.count': ['uint16', 2],
    'split.tensors.count': ['int32', 11],
  });
  tinyLlamaGguf(({ metadata, tensors }) => {
    parts.push(ggufOf({ metadata: { ...metadata, ...split(0) }, tensors: tensors.slice(0, 4) }));
    parts.push(ggufOf({ metadata: split(1), tensors: tensors.slice(4) }));
    return {};
  });
  return parts;
}

const OUTLINE = { config: { model_type: 'llama' } };

it('is refused by the name of a tensor that holds what is no number', async () => {
  const bytes = tinyLlamaGguf(({ metadata, tensors }) => ({
    metadata,
    tensors: tensors.map((one) =>
      one.name === 'blk.0.attn_q.weight' ? { ...one, values: one.values.map(() => NaN) } : one,
    ),
  }));
  const model = await openGguf(new PickedFolder('own', [{ path: FILE, blob: new Blob([bytes]) }]), FILE);
  expect(await failed(model.readTensor('model.layers.0.self_attn.q_proj.weight'))).toMatchObject({
    code: 'weights/not-finite',
    message: expect.stringContaining('layers.0.self_attn.q_proj') as string,
  });
  expect((await model.readTensor('model.layers.0.self_attn.k_proj.weight')).length).toBeGreaterThan(0);
});

describe('a GGUF file of a repository', () => {
  it('is inspected by its header before the weights are fetched, and opened from the store afterwards', async () => {
    hub.push('org/one', { [FILE]: tinyLlamaGguf() });
    const stopped = await failed(
      open(`org/one:${FILE}`, ({ config }) => {
        expect(config).toMatchObject({ model_type: 'llama', hidden_size: 16, tie_word_embeddings: true });
        return Promise.reject(new GorpError('run/no', 'No.', 'Nothing.'));
      }),
    );
    expect(stopped.code).toBe('run/no');
    expect(asked()).toEqual([FIRST]);
    hub.cdnRequests.length = 0;
    const model = await open(`org/one:${FILE}`);
    expect(asked()).toEqual([FIRST, undefined]);
    hub.cdnRequests.length = 0;
    const again = await open(`org/one:${FILE}`);
    expect(asked()).toEqual([]);
    expect(await again.readTensor(EMBEDDING)).toEqual(await model.readTensor(EMBEDDING));
    expect(await again.contentHash()).toBe(await model.contentHash());
  });

  it('reports how much of its header has come, before the weights are known', async () => {
    const tokens = Array.from({ length: 2 ** 12 }, (_, i) => `${i}`.repeat(170)); // more than one request
    const change: Parameters<typeof tinyLlamaGguf>[0] = ({ metadata, tensors }) => ({
      metadata: { ...metadata, 'general.tags': ['array', 'string', tokens] },
      tensors,
    });
    hub.push('org/one', { [FILE]: tinyLlamaGguf(change) });
    const progress: ModelProgress[] = [];
    const reference = requireReference(parseModelReference(`org/one:${FILE}`), '');
    const inspect = (): Promise<void> => {
      const bytes = progress.map((one) => one.bytes);
      expect(progress.every(({ file, totalBytes }) => file === FILE && totalBytes === null)).toBe(true);
      expect(bytes.length).toBeGreaterThan(2);
      expect(bytes).toEqual([...new Set(bytes)].sort((a, b) => a - b));
      return Promise.resolve();
    };
    const model = await openModel(reference, places, { inspect, onProgress: (at) => progress.push(at) });
    expect(progress.at(-1)).toMatchObject({ file: FILE, bytes: progress.at(-1)?.totalBytes });
    expect(model.tensors.has(EMBEDDING)).toBe(true);
  });

  it('gives its config without being stored, and from the store without a request', async () => {
    hub.push('org/one', { [FILE]: tinyLlamaGguf() });
    const reference = requireReference(parseModelReference(`org/one:${FILE}`), '');
    expect(await readOutlineHere(reference, places)).toBeNull();
    expect(await readOutline(reference, places)).toMatchObject(OUTLINE);
    expect(await places.store.list()).toEqual([]);
    await open(`org/one:${FILE}`);
    hub.cdnRequests.length = 0;
    const here = await readOutlineHere(reference, places);
    expect(here).toMatchObject(OUTLINE);
    expect(here?.types?.get(EMBEDDING)).toBe('F32');
    expect(hub.cdnRequests).toEqual([]);
  });

  it('is listed and removed by itself', async () => {
    const commit = hub.push('org/one', { [FILE]: tinyLlamaGguf(), 'tiny-other.gguf': tinyLlamaGguf() });
    await open(`org/one:${FILE}`);
    await open('org/one:tiny-other.gguf');
    const models = await listModels(places.store);
    expect(models.map(({ reference, isComplete }) => [reference, isComplete])).toEqual([
      [`org/one@${commit}:${FILE}`, true],
      [`org/one@${commit}:tiny-other.gguf`, true],
    ]);
    await removeModel(places.store, models[0].folder);
    expect((await listModels(places.store)).map(({ reference }) => reference)).toEqual([
      `org/one@${commit}:tiny-other.gguf`,
    ]);
    await removeModel(places.store, models[1].folder);
    expect(await places.store.list()).toEqual([]);
  });

  it('can be in a folder, and in parts', async () => {
    const [first, second] = splitLlama();
    hub.push('org/one', { 'F32/tiny-00001-of-00002.gguf': first, 'F32/tiny-00002-of-00002.gguf': second });
    const model = await open('org/one:F32/tiny-00001-of-00002.gguf');
    expect(model.tensors.size).toBe(11);
    expect((await model.readTensor('model.layers.0.mlp.down_proj.weight')).length).toBe(16 * 24);
    const [{ isComplete, reference }] = await listModels(places.store);
    expect([isComplete, reference]).toEqual([true, expect.stringContaining(':F32/tiny-00001-of-00002.gguf')]);
  });

  it('must be chosen, and exist', async () => {
    hub.push('org/one', { [FILE]: tinyLlamaGguf(), 'mmproj-F16.gguf': 'x' });
    const unnamed = await failed(open('org/one'));
    expect([unnamed.code, unnamed.nextStep]).toEqual([
      'weights/choose-gguf',
      expect.stringContaining(`org/one:${FILE} (`),
    ]);
    const missing = await failed(open('org/one:other.gguf'));
    expect([missing.code, missing.message]).toEqual(['weights/not-found', 'org/one has no other.gguf.']);
    expect(missing.nextStep).toContain(FILE);
  });

  it('that belongs to another model is refused', async () => {
    const [first, second] = splitLlama();
    hub.push('org/one', { 'tiny-00001-of-00002.gguf': second, 'tiny-00002-of-00002.gguf': first, 'part.gguf': first });
    expect((await failed(open('org/one:tiny-00001-of-00002.gguf'))).message).toMatch(/Part 1 of 2 .* part 2 of 2/);
    expect((await failed(open('org/one:part.gguf'))).message).toMatch(/is part 1 of 2/);
  });
});

describe('a GGUF file of another server', () => {
  it.each([
    ['that sends parts', false, [FIRST, undefined]],
    ['that sends only whole files', true, [FIRST, undefined]],
  ])('%s', async (_, ignoresRange, ranges) => {
    const asked: (string | undefined)[] = [];
    const server = await serveLocally((request, response) => {
      asked.push(request.headers.range);
      sendFile(response, tinyLlamaGguf(), request.headers.range, undefined, { ignoresRange });
    });
    try {
      const model = await open(`${server.url}models/${FILE}`);
      expect(model.tensors.get(EMBEDDING)?.shape).toEqual([258, 16]);
      expect(asked).toEqual(ranges);
    } finally {
      await server.close();
    }
  });

  it('that changes between its header and the rest is refused', async () => {
    const before = tinyLlamaGguf();
    const after = tinyLlamaGguf(({ metadata, tensors }) => ({
      metadata: { ...metadata, 'general.name': ['string', 'soso'] },
      tensors,
    }));
    const server = await serveLocally(({ headers: { range } }, response) =>
      sendFile(response, range === undefined ? after : before, range, undefined),
    );
    try {
      expect((await failed(open(`${server.url}${FILE}`))).code).toBe('weights/gguf-changed');
      expect(await places.store.list()).toEqual([]);
    } finally {
      await server.close();
    }
  });
});

describe('a GGUF file from disk', () => {
  const pick = (...names: string[]): void => {
    const files = names.map((path) => ({ path, blob: new Blob([tinyLlamaGguf()]) }));
    places = { ...places, picked: new Map([['models', files]]) };
  };

  it('is opened beside other files, in place', async () => {
    pick(`models/${FILE}`, 'models/README.md');
    expect((await open('picked:models')).config).toMatchObject(OUTLINE.config);
  });

  it('must be one', async () => {
    pick('a.gguf', 'b.gguf');
    expect(await failed(open('picked:models'))).toMatchObject({
      code: 'weights/choose-gguf',
      message: expect.stringContaining('a.gguf, b.gguf') as string,
    });
  });

  it('must be all of a split model', async () => {
    pick('tiny-00001-of-00002.gguf');
    expect((await failed(open('picked:models'))).message).toBe('models has no tiny-00002-of-00002.gguf.');
  });

  it.each<[string, Parameters<typeof tinyLlamaGguf>[0], RegExp]>([
    [
      'another architecture',
      ({ metadata, tensors }) => ({ metadata: { ...metadata, 'general.architecture': ['string', 'mamba'] }, tensors }),
      /architecture mamba; these are read: llama, qwen2/,
    ],
    [
      'an adapter',
      ({ metadata, tensors }) => ({ metadata: { ...metadata, 'general.type': ['string', 'adapter'] }, tensors }),
      /type adapter, not a whole model/,
    ],
    ['no architecture', ({ tensors }) => ({ tensors }), /general.architecture is missing/],
    [
      'a field that is not understood',
      ({ metadata, tensors }) => ({ metadata: { ...metadata, 'llama.attention.sinks': ['bool', true] }, tensors }),
      /llama.attention.sinks is a field that is not understood/,
    ],
    [
      'experts',
      ({ metadata, tensors }) => ({ metadata: { ...metadata, 'llama.expert_count': ['uint32', 8] }, tensors }),
      /llama.expert_count is 8; only 0 is supported/,
    ],
    [
      'a window that its architecture does not have',
      ({ metadata, tensors }) => ({
        metadata: { ...metadata, 'llama.attention.sliding_window': ['uint32', 64] },
        tensors,
      }),
      /sliding_window is 64/,
    ],
    [
      'rotation of half a head',
      ({ metadata, tensors }) => ({ metadata: { ...metadata, 'llama.rope.dimension_count': ['uint32', 4] }, tensors }),
      /dimension_count is 4; only 8, the size of a head, is supported/,
    ],
    [
      'a kind of scaling that is not supported',
      ({ metadata, tensors }) => ({
        metadata: { ...metadata, 'llama.rope.scaling.type': ['string', 'yarn'] },
        tensors,
      }),
      /scaling.type is yarn/,
    ],
    [
      'heads that differ between layers',
      ({ metadata, tensors }) => ({
        metadata: { ...metadata, 'llama.attention.head_count_kv': ['array', 'int32', [1, 2]] },
        tensors,
      }),
      /differs between layers/,
    ],
    [
      'a missing size',
      ({ metadata, tensors }) => ({
        metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== 'llama.block_count')),
        tensors,
      }),
      /llama.block_count is missing/,
    ],
    [
      'a size in words',
      ({ metadata, tensors }) => ({ metadata: { ...metadata, 'llama.block_count': ['string', 'one'] }, tensors }),
      /llama.block_count is of type string/,
    ],
    [
      'fewer tokens than embeddings',
      ({ metadata, tensors }) => ({
        metadata,
        tensors: tensors.map((one, i) =>
          i === 0 ? { ...one, shape: [259, 16], values: new Float32Array(259 * 16) } : one,
        ),
      }),
      /has 258 tokens, but the model has embeddings for 259/,
    ],
    [
      'no embeddings',
      ({ metadata, tensors }) => ({ metadata, tensors: tensors.slice(1) }),
      /no matrix token_embd.weight/,
    ],
    [
      'rotary factors for other heads',
      ({ metadata, tensors }) => ({
        metadata,
        tensors: [...tensors, { name: 'rope_freqs.weight', shape: [3], values: [1, 1, 1] }],
      }),
      /rope_freqs.weight does not have 4 positive numbers/,
    ],
  ])('with %s is refused', async (_, change, message) => {
    places = { ...places, picked: new Map([['files', [{ path: FILE, blob: new Blob([tinyLlamaGguf(change)]) }]]]) };
    const { code, message: found, nextStep } = await failed(open('picked:files'));
    expect(code).toMatch(/^weights\/gguf-/);
    expect(found).toMatch(message);
    expect(nextStep).not.toBe('');
  });
});
