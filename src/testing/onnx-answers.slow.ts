import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNamedModel } from '../cli/named-models.ts';
import { openRoundFolder, writeFiles } from '../cli/round-folder.ts';
import { FILE_SUFFIX, ONNX_DTYPES, type OnnxDtype } from '../onnx/dtypes.ts';
import { onnxFiles } from '../onnx/onnx-files.ts';
import type { RunEvent } from '../run/events/events.ts';
import { PREDICTIONS_FILE } from '../run/files/layout.ts';
import { promptOfPrediction, readPredictions, type Prediction } from '../run/files/predictions.ts';
import { readTexts } from '../run/models/open-network.ts';
import { embeddedSettings } from '../run/planning/presets.ts';
import { Run } from '../run/run.ts';
import type { RunSettings } from '../run/settings/settings.ts';
import type { PromptForm } from '../tasks/prompt.ts';
import { mergedReader, type TrainedChanges } from '../weights/exports/merge.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { relativeError } from './compare.ts';
import { acquireTestDevice } from './devices.ts';
import { engineLogits } from './engine-logits.ts';
import { collected, emptyCaches, int64, onnxSession, reals } from './onnx-runtime.ts';
import { committedReference } from './reference.ts';
import { THINGS, THINGS_PROMPTS } from './things-task.ts';
import { tinyHost } from './tiny-run.ts';
import { TRAINABLE_FAMILIES, writeTrained } from './trained-families.ts';
import { transformersJsAnswers } from './transformers-js.ts';

/** f32 sums in another order. */
const LOGITS_TOLERANCE = 1e-4;
/** Number of prompts with compared logits. */
const LOGITS_PROMPTS = 10;

interface Case {
  name: string;
  model: string;
  /** Whether the model is trained first. */
  isTrained: boolean;
  targetLength: number;
  /** Answers of 200 that may differ per dtype: the measured number plus a margin. */
  changed: Partial<Record<OnnxDtype, number>>;
}
const CASES: Case[] = [
  {
    name: 'the embedded T5 after a run',
    model: 'embedded',
    isTrained: true,
    targetLength: 4,
    changed: { f32: 0, f16: 2, q8: 5, q4: 20 },
  },
  {
    name: 'a LLaMA as it is',
    model: committedReference.path('models/stories-tiny'),
    isTrained: false,
    targetLength: 12,
    changed: { f32: 0, f16: 20 }, // with fewer bits a model this small writes other texts
  },
];

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'gorp-onnx-'))));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(CASES)('$name', ({ name, model, isTrained, targetLength, changed }) => {
  const settings: RunSettings = {
    ...embeddedSettings('quick', 'gorp-plus'),
    model,
    order: [THINGS.name],
  };
  Object.assign(settings.method, { loraRank: 4, galoreRank: 4 });
  Object.assign(settings.training, { targetLength, testExamples: 0, trainExamples: 0, sourceLength: 224 });
  let answers: Prediction[];
  let trained: TrainedChanges | undefined;

  beforeAll(async () => {
    const round = join(folder, name, 'round');
    const events: RunEvent[] = [];
    const host = tinyHost((event) => events.push(event), {
      openModel: (name) => openNamedModel(name),
      customTask: () => Promise.resolve(THINGS),
      saveRound: ({ results, trained }) => writeFiles(round, [...results, ...trained]),
    });
    const run = new Run(host, settings);
    await (isTrained ? run.execute() : run.evaluate());
    const last = events.at(-1);
    if (last?.type !== 'finished') throw new Error(JSON.stringify(last));
    answers = readPredictions(readFileSync(join(round, PREDICTIONS_FILE), 'utf8'));
    trained = isTrained ? await openRoundFolder(round) : undefined;
  }, 300_000); // a new machine compiles the kernels at first use

  it('answers the same in transformers.js as in this engine', async () => {
    const prompts = answers.map(promptOfPrediction);
    const base = await openNamedModel(model);
    for (const dtype of ONNX_DTYPES) {
      await writeFiles(join(folder, name, dtype), await onnxFiles(base, dtype, trained));
      const reading = { promptForm: 'raw', maxNewTokens: targetLength } as const;
      const written = await transformersJsAnswers(join(folder, name), dtype, prompts, reading);
      const different = answers.filter(({ written: answer }, i) => answer !== written[i]).length;
      const error = await logitsError(base, dtype, trained, 'raw', prompts);
      console.log(
        `${name}, ${dtype}: logits ${error.toExponential(1)}, ${different} of ${answers.length} answers differ`,
      );
      expect(different, dtype).toBeLessThanOrEqual(changed[dtype] ?? THINGS_PROMPTS);
      if (dtype === 'f32') expect(error).toBeLessThan(LOGITS_TOLERANCE);
    }
    expect(new Set(answers.map(({ written }) => written)).size).toBeGreaterThan(2);
  });
});

describe.each(TRAINABLE_FAMILIES)('$family after a run of gorp-plus', (family) => {
  it('has this engine’s logits and answers in transformers.js', async () => {
    const { onnx, use, answers } = await writeTrained(join(folder, family.family), family, 'gorp-plus');
    const prompts = answers.map(promptOfPrediction);
    if (family.family === 'umt5-tiny') callT5(join(folder, family.family, onnx, 'config.json'));
    const model = await openNamedModel(use.model);
    const { tokenizer } = await readTexts(model, family);
    // Models with random weights write bytes that are no text, for which transformers.js has other signs (docs/onnx.md).
    const decode = (ids: number[]): string => tokenizer.decode(ids);
    const written = await transformersJsAnswers(join(folder, family.family), onnx, prompts, { ...use, decode });
    expect(written).toEqual(answers.map(({ written }) => written));
    expect(written).toHaveLength(THINGS_PROMPTS);

    const saved = await openRoundFolder(join(folder, family.family, 'gorp-web-rounds', use.folder));
    const error = await logitsError(model, 'f32', saved, family.promptForm, prompts);
    const different = new Set(written).size;
    console.log(`${family.family}: logits differ by ${error.toExponential(1)}; ${different} different answers`);
    expect(error).toBeLessThan(LOGITS_TOLERANCE);
  });
});

/** transformers.js does not know umT5 but runs its graphs as T5 (docs/onnx.md). */
function callT5(path: string): void {
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...config, model_type: 't5' }));
}

/** Relative Frobenius error of an export's logits against this engine's, over some prompts. */
async function logitsError(
  base: ModelFiles,
  dtype: OnnxDtype,
  trained: TrainedChanges | undefined,
  promptForm: PromptForm,
  prompts: readonly string[],
): Promise<number> {
  const graphs = await openGraphs(await collected(await onnxFiles(base, dtype, trained)), dtype);
  const { tokenizer } = await readTexts(base, { promptForm });
  const read = mergedReader(base, trained);
  const device = await acquireTestDevice();
  const [found, wanted]: number[][] = [[], []];
  for (const prompt of prompts.slice(0, LOGITS_PROMPTS)) {
    const ids = tokenizer.encodePrompt(prompt);
    found.push(...(await graphs(ids)));
    wanted.push(...(await engineLogits(device, base.config, read, ids)));
  }
  expect(device.buffers.liveLabels).toEqual([]);
  await device.destroy();
  return relativeError(found, wanted);
}

/** The graphs of an export as a function like `engineLogits`. */
async function openGraphs(
  files: ReadonlyMap<string, Uint8Array>,
  dtype: OnnxDtype,
): Promise<(ids: readonly number[]) => Promise<Float32Array>> {
  const open = (name: string) => onnxSession(files, `onnx/${name}${FILE_SUFFIX[dtype]}.onnx`);
  const given = (ids: readonly number[]) => {
    const shape = [1, ids.length];
    const ones = new Array<number>(ids.length).fill(1);
    return { input_ids: int64(ids, shape), attention_mask: int64(ones, shape) };
  };
  if (files.has(`onnx/model${FILE_SUFFIX[dtype]}.onnx`)) {
    const session = await open('model');
    return async (ids) => {
      const position_ids = int64(ids.keys(), [1, ids.length]);
      return reals((await session.run({ ...given(ids), position_ids, ...emptyCaches(session, 1) }))['logits']);
    };
  }
  const [encoder, decoder] = [await open('encoder_model'), await open('decoder_model_merged')];
  return async (ids) => {
    const { input_ids, attention_mask } = given(ids);
    const { last_hidden_state } = await encoder.run({ input_ids, attention_mask });
    const { logits } = await decoder.run({
      encoder_attention_mask: attention_mask,
      encoder_hidden_states: last_hidden_state,
      input_ids: int64([0], [1, 1]), // decoder_start_token_id of every T5
      ...emptyCaches(decoder, 1),
    });
    return reals(logits);
  };
}
