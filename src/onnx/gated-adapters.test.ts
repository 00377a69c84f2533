import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../device/device.ts';
import { writeFiles } from '../cli/round-folder.ts';
import { roundAsGguf } from '../gguf/round.ts';
import { Learner } from '../gorp/learner.ts';
import { planOf } from '../methods/registry.ts';
import { familyOf } from '../models/families.ts';
import { openNetwork, readTexts } from '../run/models/open-network.ts';
import { promptOfPrediction, readPredictions } from '../run/files/predictions.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { relativeError } from '../testing/compare.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { logitsOf } from '../testing/engine-logits.ts';
import { openRound, runKeepingRounds } from '../testing/saved-run.ts';
import { collected, onnxSession } from '../testing/onnx-runtime.ts';
import { TESTS_ALL } from '../testing/tier.ts';
import { TINY_FAMILIES, type TinyFamily } from '../testing/tiny-families.ts';
import { tinySettings } from '../testing/tiny-run.ts';
import { transformersJs } from '../testing/transformers-js.ts';
import { mergedModelFiles } from '../weights/exports/merge.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { graphsApart, onnxFiles } from './onnx-files.ts';
import { openTextModel, type TextModel } from './runtime/text-model.ts';

/** f32 sums in another order. */
const TOLERANCE = 1e-4;

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

type Base = 'inf-lora' | 'o-lora';

const settingsFor = ({ lengths }: TinyFamily, base: Base) =>
  tinySettings('gain-lora', { ...lengths, sourceLength: 96, epochs: 8 }, { base, threshold: 0.3, gateWidth: 12 });

const runs = new Map<string, ReturnType<typeof train>>();

/** As {@link train}; tests share a run. */
function trainedRun(family: TinyFamily, base: Base): ReturnType<typeof train> {
  const name = `${family.family} ${base}`;
  const run = runs.get(name) ?? train(family, base);
  runs.set(name, run);
  return run;
}

/** The files of each round of a run, and what it wrote for each example of the last test. */
async function train(family: TinyFamily, base: Base) {
  const { rounds } = await runKeepingRounds(settingsFor(family, base), {
    openModel: () => Promise.resolve(family.open()),
  });
  const all = [...rounds.values()];
  const tested = readPredictions(new TextDecoder().decode(all[1].get('predict_eval_predictions.jsonl')));
  return { all, tested };
}

const textModel = async (model: ModelFiles, saved: SavedRound): Promise<TextModel> => {
  const files = await collected(await onnxFiles(model, 'f32', saved));
  return openTextModel(ort, familyOf(model.config).read(model.config).config, (name) =>
    onnxSession(files, `onnx/${name}.onnx`),
  );
};

/** Greedy tokens after a prompt, without the one that ends them. */
async function written(text: TextModel, prompt: readonly number[], most: number, ends: readonly number[]) {
  const tokens: number[] = [];
  let read = await text.read(prompt);
  while (tokens.length < most) {
    const next = read.next.indexOf(Math.max(...read.next));
    if (ends.includes(next)) break;
    tokens.push(next);
    ({ text: read } = await text.follow(read, [next]));
  }
  return tokens;
}

/** One of each kind of graph: position biases per model and per layer, windows, norms of heads, a scaled embedding. */
const KINDS = TINY_FAMILIES.filter(({ family }) =>
  (TESTS_ALL
    ? ['t5-tiny', 'umt5-tiny', 'llama-tiny', 'qwen3-tiny', 'gemma3-tiny']
    : ['t5-tiny', 'llama-tiny']
  ).includes(family),
);

describe.each(KINDS)('gates of $family', (family) => {
  test('are computed in its ONNX graphs as in the engine, and stay while it answers', async () => {
    const base = family.isDecoderOnly ? 'o-lora' : 'inf-lora';
    const [{ all, tested }, model] = [await trainedRun(family, base), family.open()];
    const { method, training } = settingsFor(family, base);
    const known = await readTexts(model, training);
    const { network, targets, storedName } = openNetwork(device, model, { ...training, byPrompt: true }, known);
    const options = { seed: 1, maxGradNorm: 1, gradientAccumulation: 1, tasks: 2 };
    const learner = await Learner.create(device, network, planOf(method), targets, options, (name) =>
      model.readTensor(storedName(name)),
    );
    const saved = await openRound(all[1]);
    await learner.restore(saved.state.learner);
    const text = await textModel(model, saved);
    const texts = new Set<string>();
    for (const prediction of tested) {
      const prompt = known.tokenizer.encodePrompt(promptOfPrediction(prediction));
      const { next } = await text.read(prompt);
      const wanted = await logitsOf(device, model.config, learner.layers, prompt);
      expect(relativeError(next, wanted.subarray(wanted.length - next.length))).toBeLessThan(TOLERANCE);
      const tokens = await written(text, prompt, training.targetLength, known.endIds);
      expect(known.tokenizer.decode(tokens)).toBe(prediction.written);
      texts.add(prediction.written);
    }
    expect(texts.size).toBeGreaterThan(1);
    await text.release();
    learner.destroy();
    network.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});

describe.each(KINDS.filter(({ family }) => ['t5-tiny', 'llama-tiny'].includes(family)))(
  'transformers.js with the gates of $family',
  (family) => {
    test('writes what the engine writes, to prompts of several lengths in a batch', async () => {
      const [{ all, tested }, model] = [await trainedRun(family, 'o-lora'), family.open()];
      const { tokenizer, endIds } = await readTexts(model, settingsFor(family, 'o-lora').training);
      const folder = mkdtempSync(join(tmpdir(), 'gorp-gates-'));
      try {
        await writeFiles(join(folder, 'gated'), await onnxFiles(model, 'f32', await openRound(all[1])));
        const { AutoModelForCausalLM, AutoModelForSeq2SeqLM, Tensor } = await transformersJs(folder);
        const { isDecoderOnly } = family;
        const loaded = await (isDecoderOnly ? AutoModelForCausalLM : AutoModelForSeq2SeqLM).from_pretrained('gated');
        const prompts = tested.map((one) => tokenizer.encodePrompt(promptOfPrediction(one)));
        const S = Math.max(...prompts.map(({ length }) => length));
        expect(new Set(prompts.map(({ length }) => length)).size).toBeGreaterThan(1);
        const padded = (rowOf: (prompt: readonly number[]) => readonly number[]) =>
          new Tensor(
            'int64',
            BigInt64Array.from(
              prompts.flatMap((prompt) => {
                const padding = new Array<number>(S - prompt.length).fill(0);
                return isDecoderOnly ? [...padding, ...rowOf(prompt)] : [...rowOf(prompt), ...padding];
              }),
              BigInt,
            ),
            [prompts.length, S],
          );
        const inputs = { input_ids: padded((ids) => ids), attention_mask: padded((ids) => ids.map(() => 1)) };
        const outputs = await loaded.generate({ ...inputs, max_new_tokens: family.lengths.targetLength });
        const texts = (outputs as { tolist(): bigint[][] }).tolist().map((row) => {
          const tokens = row.map(Number).slice(isDecoderOnly ? S : 1);
          const end = tokens.findIndex((id) => endIds.includes(id));
          return tokenizer.decode(end < 0 ? tokens : tokens.slice(0, end));
        });
        expect(texts).toEqual(tested.map(({ written }) => written));
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);

describe('a round with gates', () => {
  const family = TINY_FAMILIES.find(({ isDecoderOnly }) => !isDecoderOnly) as TinyFamily;
  const decoder = TINY_FAMILIES.find(({ isDecoderOnly }) => isDecoderOnly) as TinyFamily;

  test('is refused by formats that hold weights only, with what to take instead', async () => {
    const [{ all }, model] = [await trainedRun(decoder, 'inf-lora'), decoder.open()];
    const saved = await openRound(all[1]);
    const refused = (format: string) => ({
      code: 'run/has-gates',
      message: expect.stringMatching(new RegExp(`^${format} .*gain-lora`)) as string,
      nextStep: expect.stringMatching(/ONNX.*inf-lora or o-lora/) as string,
    });
    await expect(mergedModelFiles(model, saved)).rejects.toMatchObject(refused('A model with merged weights'));
    await expect(roundAsGguf(model, saved, 'f16')).rejects.toMatchObject(refused('A GGUF file'));
    await expect(roundAsGguf(model, saved, null)).rejects.toMatchObject(refused('A GGUF adapter'));
    const names = [...all[1].keys()];
    expect(names).toContain('adapter/adapter_model.safetensors');
    expect(names).not.toContain('adapter/adapter_config.json');
    expect(new TextDecoder().decode(all[1].get('adapter/README.md'))).toMatch(/gain-lora.*ONNX/s);
  });

  test.each(TESTS_ALL ? (['f32', 'q4'] as const) : (['q4'] as const))(
    'shares all but its own files with the base model, as %s',
    async (dtype) => {
      const [{ all }, model] = [await trainedRun(family, 'inf-lora'), family.open()];
      const [one, two] = await Promise.all(all.map((files) => openRound(files)));
      const of = async (saved?: SavedRound) => {
        const graphs = graphsApart(model, dtype, two.changed, saved);
        return collected(graphs.flatMap(({ data }) => data.filter(({ isApart }) => !isApart)));
      };
      const shared = await of();
      expect(await of(one)).toEqual(shared);
      expect(await of(two)).toEqual(shared);
    },
  );
});
