import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { DiskFolder } from '../cli/disk-folder.ts';
import { parseDecoderConfig } from '../models/decoder-config.ts';
import { LLAMA } from '../models/decoder-families.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { referencesWith, trainedModels } from '../testing/reference.ts';
import { tinyHost, tinySettings, onDevice } from '../testing/tiny-run.ts';
import { type ModelFiles, openModelFolder } from '../weights/model-folder.ts';
import type { RunEvent } from './events/events.ts';
import type { RunHost } from './events/host.ts';
import { Run } from './run.ts';
import type { RunSettings } from './settings/settings.ts';
import { finishedResults } from '../testing/ended-run.ts';

/** Runs to the end; however it ends, nothing is left on the GPU. */
async function executeWith(
  openModel: () => Promise<ModelFiles>,
  settings: RunSettings,
  parts: Partial<RunHost>,
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const host = tinyHost((event) => events.push(event), {
    ...onDevice(acquireTestDevice),
    openModel,
    ...parts,
  });
  await new Run(host, settings).execute();
  const memory = events.filter((event) => event.type === 'memory').at(-1);
  expect(memory).toMatchObject({ liveBuffers: 0, liveBytes: 0 });
  return events;
}

// Milliseconds: with an empty shader cache a run takes minutes.
const COLD = 300_000;

const isFraction = (value: number | null): boolean => value !== null && value >= 0 && value <= 1;

describe.each(trainedModels)('a run of $name', ({ reference, folder }) => {
  const openTrained = async (): Promise<ModelFiles> => openModelFolder(await DiskFolder.open(reference.path(folder)));
  const execute = (settings: RunSettings, parts: Partial<RunHost> = {}): Promise<RunEvent[]> =>
    executeWith(openTrained, settings, parts);
  const config = parseDecoderConfig(LLAMA, reference.json(`${folder}/config.json`));
  const lastLayer = `model.layers.${config.layers.length - 1}`;

  test(
    'gorp-plus learns two tasks, measured both ways, with a space for every trained layer',
    async () => {
      const training = { sourceLength: 112, targetLength: 12, epochs: 5 };
      // Rates low enough to be raised in the second task.
      const rates = { learningRate: 3e-3, galoreLearningRate: 3e-3 };
      const results = finishedResults(await execute(tinySettings('gorp-plus', training, rates)));
      const { curves } = results;
      expect(curves.loss.every(Number.isFinite)).toBe(true);
      for (const round of [1, 2]) {
        const losses = curves.loss.filter((_, i) => curves.round[i] === round);
        const mean = (part: number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
        // By whole epochs, which hold the same examples.
        const steps = losses.length / training.epochs;
        expect(mean(losses.slice(-steps)), `round ${round}: ${losses.join(', ')}`).toBeLessThan(
          0.75 * mean(losses.slice(0, steps)),
        );
      }
      expect(results.accuracy.ranked.map((row) => row.every(isFraction))).toEqual([true, true, true]);
      expect(results.accuracy.exact.map((row) => row.every(isFraction))).toEqual([true, true, true]);
      expect(results.spaces.map(({ round }) => round)).toEqual([1, 2]);
      for (const { tensors } of results.spaces) {
        const names = (part: string): string[] => tensors.filter((one) => one.part === part).map(({ name }) => name);
        const layers = Array.from({ length: config.layers.length }, (_, i) => `model.layers.${i}`);
        const lora = layers.flatMap((layer) => [`${layer}.self_attn.q_proj`, `${layer}.self_attn.v_proj`]);
        expect(names('lora').sort()).toEqual(lora.sort());
        expect(names('full-rank').sort()).toEqual(layers.map((layer) => `${layer}.mlp.gate_proj`));
        expect(tensors.every(({ added, dimension, total }) => added > 0 && total <= dimension)).toBe(true);
      }
    },
    COLD,
  );

  test.each(referencesWith('cl-benchmark'))(
    'gorp with micro-batches on a dataset of $name',
    async (benchmark) => {
      const training = {
        sourceLength: 200,
        targetLength: 6,
        trainExamples: 8,
        testExamples: 4,
        epochs: 2,
        gradientAccumulation: 2,
      };
      const settings = { ...tinySettings('gorp', training), tasks: 'benchmark', order: ['SST-2'] };
      const read = (path: string): Promise<string> => readFile(benchmark.path(`cl-benchmark/${path}`), 'utf8');
      const results = finishedResults(await execute(settings, { taskReader: () => read }));
      const { loss } = results.curves;
      expect(loss).toHaveLength(4);
      expect(loss[3]).toBeLessThan(loss[0]);
      expect(results.accuracy.ranked.flat().every(isFraction)).toBe(true);
      expect(results.tasks).toMatchObject([{ name: 'SST-2', trainExamples: 8, testExamples: 4 }]);
    },
    COLD,
  );

  interface Broken {
    what: string;
    code: string;
    names: string;
    change: (model: ModelFiles) => Partial<ModelFiles>;
  }
  const without = (model: ModelFiles, name: string): ModelFiles['tensors'] =>
    new Map([...model.tensors].filter(([other]) => other !== name));
  const withTensor = (model: ModelFiles, name: string, shape: number[]): ModelFiles['tensors'] => {
    const [like] = model.tensors.values();
    return new Map([...model.tensors, [name, { ...like, name, shape }]]);
  };
  const configOf = (model: ModelFiles, fields: Record<string, unknown>): { config: unknown } => ({
    config: { ...(model.config as object), ...fields },
  });
  // A different number that divides the heads.
  const otherKeyHeads = config.numKeyHeads === 1 ? config.numHeads : 1;
  const broken: Broken[] = [
    {
      what: 'a tensor is missing',
      code: 'model/missing-tensor',
      names: `${lastLayer}.mlp.up_proj.weight`,
      change: (model) => ({ tensors: without(model, `${lastLayer}.mlp.up_proj.weight`) }),
    },
    {
      what: 'there is an extra tensor',
      code: 'model/extra-tensor',
      names: 'model.layers.0.self_attn.q_proj.bias',
      change: (model) => ({ tensors: withTensor(model, 'model.layers.0.self_attn.q_proj.bias', [config.hiddenSize]) }),
    },
    {
      what: 'weights are quantised and config.json does not say so',
      code: 'model/quantised-checkpoint',
      names: 'model.layers.0.self_attn.q_proj.qweight',
      change: (model) => ({ tensors: withTensor(model, 'model.layers.0.self_attn.q_proj.qweight', [1, 8]) }),
    },
    {
      what: 'a shape disagrees with the config',
      code: 'model/bad-shape',
      names: 'model.layers.0.self_attn.k_proj.weight',
      change: (model) => configOf(model, { num_key_value_heads: otherKeyHeads }),
    },
    {
      what: 'the head is neither tied nor present',
      code: 'model/missing-tensor',
      names: 'lm_head.weight',
      change: (model) => configOf(model, { tie_word_embeddings: false }),
    },
    {
      what: 'the vocabulary is too small for the tokenizer',
      code: 'text/bad-tokenizer',
      names: `${config.vocabSize - 12}`,
      change: (model) => configOf(model, { vocab_size: config.vocabSize - 12 }),
    },
    {
      what: 'the family differs',
      code: 'model/bad-config',
      names: 'mistral',
      change: (model) => configOf(model, { model_type: 'mistral' }),
    },
    {
      what: 'texts may be longer than the model reads',
      code: 'settings/text-too-long',
      names: '100',
      change: (model) => configOf(model, { max_position_embeddings: 100 }),
    },
  ];
  test.each(broken)('ends before anything is loaded when $what', async ({ code, names, change }) => {
    let read = 0;
    let discarded = 0;
    const openModel = async (): Promise<ModelFiles> => {
      const model = await openTrained();
      return {
        ...model,
        ...change(model),
        readTensor: (name) => {
          read++;
          return model.readTensor(name);
        },
        discard: () => {
          discarded++;
          return Promise.resolve();
        },
      };
    };
    const events = await execute(tinySettings('gorp', { sourceLength: 112, targetLength: 12 }), { openModel });
    const end = events.at(-1);
    expect(end).toMatchObject({ type: 'failed', error: { code } });
    expect(end?.type === 'failed' && end.error.message).toContain(names);
    expect(read).toBe(0);
    expect(discarded).toBe(code.startsWith('settings/') ? 0 : 1); // wrong settings are not the fault of the files
  });

  test(
    'ignores other tensors of published checkpoints',
    async () => {
      const openModel = async (): Promise<ModelFiles> => {
        const model = await openTrained();
        const tied = withTensor(model, 'lm_head.weight', [config.vocabSize, config.hiddenSize]);
        const buffers = withTensor({ ...model, tensors: tied }, 'model.layers.0.self_attn.rotary_emb.inv_freq', [4]);
        return { ...model, tensors: buffers };
      };
      const training = { sourceLength: 112, targetLength: 12, epochs: 1, trainExamples: 2, testExamples: 1 };
      const settings = { ...tinySettings('seq-lora', training), order: ['gloss'] };
      expect(finishedResults(await execute(settings, { openModel })).status).toBe('finished');
    },
    COLD,
  );
});
