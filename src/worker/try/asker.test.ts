import * as ort from 'onnxruntime-web';
import { beforeEach, describe, expect, it } from 'vitest';
import { graphsApart } from '../../onnx/onnx-files.ts';
import type { TrainedChanges } from '../../weights/exports/merge.ts';
import type { Runtime } from '../../onnx/runtime/text-model.ts';
import { readTexts } from '../../run/models/open-network.ts';
import { bytesOfFile } from '../../testing/output-files.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { tinySettings } from '../../testing/tiny-run.ts';
import { type AskerParts, askExamples, askRounds, type Provider, StoppedAsking } from './asker.ts';
import type { Asking, Question, TryMessage } from './messages.ts';
import { PreparedModels, type Stage } from './prepared-models.ts';

ort.env.wasm.numThreads = 1; // tests run in parallel

const LAYER = 'decoder.block.0.layer.0.SelfAttention.v';
const LAYERS = new Set([LAYER]);

/** An adapter as a round trained it: it grows with each round. */
const trainedIn = (round: number): TrainedChanges => ({
  changed: LAYERS,
  changes: {
    scaling: 3 * round,
    adapter: () =>
      Promise.resolve({
        A: Float32Array.from({ length: 2 * 16 }, (_, i) => Math.sin(i)),
        B: Float32Array.from({ length: 16 * 2 }, (_, i) => Math.cos(i)),
      }),
    weights: () => Promise.resolve(undefined),
  },
});

const QUESTION: Extract<Question, { kind: 'task' }> = {
  kind: 'task',
  task: 'gloss',
  sentence: 'red ball',
  label: 'warm',
  others: [],
};

let written: string[];
let reads: { path: string; bytes: number }[];
let sizes: Map<string, number>;
let live: number;
let most: number;
let events: TryMessage[];

beforeEach(() => {
  [written, reads, events] = [[], [], []];
  sizes = new Map();
  [live, most] = [0, 0];
});

/** A stage in memory that records writes and reads. */
function memoryStage(): Stage {
  const files = new Map<string, Uint8Array>();
  return {
    write: async (file) => {
      written.push(file.path);
      const bytes = await bytesOfFile(file);
      sizes.set(file.path, bytes.length);
      files.set(file.path, bytes);
    },
    size: (path) => sizes.get(path) ?? 0,
    read: (path, begin, end) => {
      reads.push({ path, bytes: end - begin });
      return files.get(path)?.subarray(begin, end) ?? new Uint8Array(0);
    },
  };
}

/** onnxruntime that counts its sessions. */
const counted: Runtime = {
  Tensor: ort.Tensor,
  InferenceSession: {
    create: async (model: Uint8Array, options: ort.InferenceSession.SessionOptions) => {
      const session = await ort.InferenceSession.create(model, options);
      most = Math.max(most, ++live);
      const release = session.release.bind(session);
      return Object.assign(session, { release: () => release().finally(() => live--) });
    },
  } as Runtime['InferenceSession'],
};

/** Returns the parts that are needed to ask rounds of a tiny model. */
async function partsWith(more: Partial<AskerParts> = {}): Promise<AskerParts> {
  const base = tinyModel();
  const known = await readTexts(base, { promptForm: 'raw' });
  const models = new PreparedModels(
    {
      config: known.config,
      graphs: (round, dtype) => {
        if (round === 9) return Promise.reject(new Error('it is damaged'));
        return Promise.resolve(graphsApart(base, dtype, LAYERS, round === 0 ? undefined : trainedIn(round)));
      },
    },
    memoryStage(),
  );
  return {
    known,
    chat: known,
    settings: tinySettings('seq-lora'),
    taughtBefore: 0,
    answerLength: 3,
    tasks: [
      {
        name: 'gloss',
        kind: 'TC',
        form: 'labels',
        instruction: 'warm or cold\nOption: warm, cold \n{0}\nAnswer:',
        labels: ['warm', 'cold'],
      },
    ],
    models,
    loadRuntime: () => Promise.resolve(counted),
    emit: (event) => events.push(event),
    breathe: () => Promise.resolve(),
    ...more,
  };
}

const asking = (rounds: number[], question: Question = QUESTION): Asking => ({
  question,
  rounds,
  writing: { most: 4, temperature: 0, seed: 1 },
  dtype: 'f32',
  device: 'auto',
  limit: Infinity,
  access: { hub: { endpoint: '', token: null }, picked: new Map() },
});
const cpu = (): Provider => ({ kind: 'wasm', note: null });
const answered = () => events.flatMap((event) => (event.type === 'answered' ? [event] : []));

describe('rounds that are asked', () => {
  it('are asked an earlier task at the length that it needs, if the last run taught another with shorter texts', async () => {
    const { training, ...tiny } = tinySettings('seq-lora');
    const settings = {
      ...tiny,
      model: 'org/name',
      order: ['gloss', 'short'],
      training: { ...training, sourceLength: 4 },
    };
    const ask = async (taughtBefore: number): Promise<void> =>
      askRounds(await partsWith({ settings, taughtBefore }), asking([1]), cpu());
    await expect(ask(0), 'as a task of the last run').rejects.toMatchObject({ code: 'tasks/prompt-too-long' });
    await ask(1);
    expect(answered().map(({ answer }) => answer.isCut)).toEqual([false]);
  });

  it('answer one after another from one base, of which a tensor at a time is read', async () => {
    const parts = await partsWith();
    await askRounds(parts, asking([0, 1, 2]), cpu());
    expect(answered().map(({ round }) => round)).toEqual([0, 1, 2]);
    const texts = answered().map(({ answer }) => answer.labels.map(({ probability }) => probability));
    expect(texts[0]).not.toEqual(texts[1]);
    expect(texts[1]).not.toEqual(texts[2]);
    for (const { answer } of answered()) {
      const sum = answer.labels.reduce((total, { probability }) => total + probability, 0);
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThanOrEqual(1.00001);
      expect(answer.isRight).toBe(answer.text === 'warm');
    }
    const ofDecoder = 'decoder_model_merged.onnx_data';
    expect(
      written.filter((path) => path === ofDecoder),
      'what rounds share',
    ).toHaveLength(1);
    expect(
      written.filter((path) => path === `${ofDecoder}_1`),
      'what each has trained',
    ).toHaveLength(3);
    expect(most, 'encoder and decoder of one round').toBe(2);
    const largest = Math.max(...reads.filter(({ path }) => path === ofDecoder).map(({ bytes }) => bytes));
    expect(largest).toBeLessThan((sizes.get(ofDecoder) ?? 0) / 2);
    await parts.models.close();
    expect(live).toBe(0);
  });

  it('report every token as it comes, and stop on request', async () => {
    let breaths = 0;
    const breathe = (): Promise<void> => (++breaths > 4 ? Promise.reject(new StoppedAsking()) : Promise.resolve());
    const parts = await partsWith({ breathe });
    await expect(askRounds(parts, asking([0, 1]), cpu())).rejects.toBeInstanceOf(StoppedAsking);
    expect(events.some(({ type }) => type === 'token')).toBe(true);
    expect(answered().length).toBeLessThan(2);
    await parts.models.close();
    expect(live).toBe(0);
  });

  it('switch to the CPU for good if the graphics card cannot run them, and say so', async () => {
    const lacking: Runtime = {
      Tensor: ort.Tensor,
      InferenceSession: {
        create: () => Promise.reject(new Error('no kernel for RotaryEmbedding\nmore')),
      },
    };
    const loaded: string[] = [];
    const loadRuntime: AskerParts['loadRuntime'] = (provider) => {
      loaded.push(provider);
      return Promise.resolve(provider === 'webgpu' ? lacking : counted);
    };
    const provider: Provider = { kind: 'webgpu', note: null };
    const parts = await partsWith({ loadRuntime });
    await askRounds(parts, asking([0, 1]), provider);
    expect(answered()).toHaveLength(2);
    expect(loaded).toEqual(['webgpu', 'wasm', 'wasm']);
    const note = 'The graphics card could not run it (no kernel for RotaryEmbedding).';
    expect(provider).toEqual({ kind: 'wasm', note });
    expect(events).toContainEqual({ type: 'runtime', runtime: { provider: 'wasm', note } });
    await parts.models.close();
  });

  it('hold a conversation, each with its own answers before, and say where an answer was cut', async () => {
    const reported: string[] = [];
    const parts = await partsWith();
    const { tokenizer } = parts.known;
    const encodePrompt = (text: string): number[] => {
      reported.push(text);
      return tokenizer.encodePrompt(text);
    };
    const chat = { ...parts.known, tokenizer: { ...tokenizer, encodePrompt } };
    const before = [
      { text: 'red', answers: { 0: 'warm', 1: 'cold' } },
      { text: 'blue', answers: { 1: 'cold' } },
    ];
    const question: Question = { kind: 'chat', system: 'ball', before, text: 'box' };
    await askRounds({ ...parts, chat }, asking([0, 1], question), cpu());
    expect(reported).toEqual([
      'System: ball\nUser: red\nAssistant: warm\nUser: box\nAssistant:',
      'System: ball\nUser: red\nAssistant: cold\nUser: blue\nAssistant: cold\nUser: box\nAssistant:',
    ]);
    expect(answered().map(({ answer }) => [answer.isRight, answer.labels])).toEqual(new Array(2).fill([null, []]));
    for (const { answer } of answered()) expect([null, 4]).toContain(answer.cutAt);
    await parts.models.close();
  });

  it('draw an answer again from its seed', async () => {
    const parts = await partsWith();
    const draw = async (seed: number): Promise<string> => {
      events = [];
      const writing = { most: 12, temperature: 5, seed };
      await askRounds(parts, { ...asking([0], { kind: 'raw', text: 'red ball' }), writing }, cpu());
      const [{ answer }] = answered();
      return answer.text;
    };
    const first = await draw(1);
    expect(await draw(1)).toBe(first);
    expect(await draw(2)).not.toBe(first);
    await parts.models.close();
  });

  it('that cannot answer do not affect the others', async () => {
    const parts = await partsWith();
    await askRounds(parts, asking([9, 1]), cpu());
    expect(events).toContainEqual({
      type: 'unanswered',
      round: 9,
      error: expect.objectContaining({ code: 'worker/runtime-failed' }) as unknown,
    });
    expect(answered().map(({ round }) => round)).toEqual([1]);
    await parts.models.close();
  });

  it.each([
    ['text/prompt-too-long', { kind: 'raw', text: 'red '.repeat(513) }],
    ['tasks/not-found', { ...QUESTION, task: 'people' }],
  ] as const)('are not asked %s', async (code, question) => {
    await expect(askRounds(await partsWith(), asking([0], question), cpu())).rejects.toMatchObject({ code });
    expect(events).toEqual([]);
  });

  it('answer test examples before training as they answer a question, starting at a given one', async () => {
    const parts = await partsWith();
    await askRounds(parts, asking([0]), cpu());
    const examples = ['red', 'ball', QUESTION.sentence].map((sentence) => ({ sentence, label: 'warm', others: [] }));
    await askExamples(parts, { task: 'gloss', examples, from: 1, dtype: 'f32' }, cpu());
    const found = events.flatMap((event) => (event.type === 'example-answered' ? [event] : []));
    expect(found.map(({ task, dtype, example }) => [task, dtype, example])).toEqual([
      ['gloss', 'f32', 1],
      ['gloss', 'f32', 2],
    ]);
    const [{ answer }] = answered();
    expect(found[1].answer).toMatchObject({ written: answer.text, isRight: answer.isRight });
    await parts.models.close();
    const failing = await partsWith({ loadRuntime: () => Promise.reject(new Error('no memory')) });
    const asked = askExamples(failing, { task: 'gloss', examples, from: 0, dtype: 'f32' }, cpu());
    await expect(asked).rejects.toMatchObject({ code: 'worker/runtime-failed' });
  });

  it('are right by any of the answers that count', async () => {
    const parts = await partsWith();
    await askRounds(parts, asking([0]), cpu());
    const [{ answer }] = answered();
    await askRounds(parts, asking([0], { ...QUESTION, label: 'other', others: [answer.text] }), cpu());
    await askRounds(parts, asking([0], { ...QUESTION, label: null }), cpu());
    expect(answered().map(({ answer: { isRight } }) => isRight)).toEqual([false, true, null]);
    await parts.models.close();
  });

  it('cut a sentence as training does, and say so', async () => {
    const parts = await partsWith();
    await askRounds(parts, asking([0], { ...QUESTION, sentence: 'red ball '.repeat(40) }), cpu());
    expect(answered()[0].answer.isCut).toBe(true);
    await parts.models.close();
  });
});
