import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { familyOf } from '../../models/families.ts';
import { collected, modelOnDisk, onnxSession } from '../../testing/onnx-runtime.ts';
import { committedReference } from '../../testing/reference.ts';
import { onnxFiles } from '../onnx-files.ts';
import { labelProbabilities, logProbability, writeAnswer } from './answers.ts';
import { openTextModel, type ReadText, type TextModel } from './text-model.ts';

/** Answers of transformers to prompts; for T5, those of the batch. */
interface Generated {
  max_new_tokens: number;
  output_ids: number[][];
  input_ids: number[][];
  attention_mask: number[][];
}

const nothing = (): Promise<void> => Promise.resolve();

/** A reference model on onnxruntime, its prompts without padding, and the answer of transformers to each. */
async function opened(name: string) {
  const base = await modelOnDisk(committedReference.path(`golden/${name}`));
  const files = await collected(await onnxFiles(base, 'f32'));
  const { config } = familyOf(base.config).read(base.config);
  const model = await openTextModel(ort, config, (graph) => onnxSession(files, `onnx/${graph}.onnx`));
  const generated = committedReference.json<Generated>(`golden/${name}/generate.json`);
  const { prompts, begin } =
    config.kind === 'encoder-decoder' ? { prompts: batchPrompts(name), begin: 1 } : leftPadded(generated);
  const written = generated.output_ids.map((row) => {
    const answer = row.slice(begin);
    const end = answer.findIndex((id) => config.endIds.includes(id));
    return end < 0 ? answer : answer.slice(0, end);
  });
  return { model, prompts, written, endIds: config.endIds, most: generated.max_new_tokens };
}

const leftPadded = ({ input_ids, attention_mask }: Generated) => ({
  prompts: input_ids.map((row, b) => row.filter((_, i) => attention_mask[b][i] === 1)),
  begin: input_ids[0].length,
});

function batchPrompts(name: string): number[][] {
  const batch = committedReference.tensors(`golden/${name}/batch.safetensors`);
  const [ids, mask] = ['input_ids', 'attention_mask'].map((tensor) => batch.get(tensor)) as [
    { data: Int32Array; shape: number[] },
    { data: Int32Array },
  ];
  const [B, S] = ids.shape;
  const row = (data: Int32Array, b: number): number[] => [...data.subarray(b * S, (b + 1) * S)];
  return Array.from({ length: B }, (_, b) => row(ids.data, b).filter((_, i) => row(mask.data, b)[i] === 1));
}

describe.each(['t5-tiny', 't5-v1_1-tiny', 'llama-tiny', 'gemma3-tiny'])('%s on onnxruntime', (name) => {
  it('writes what transformers writes, and stops at the given tokens', async () => {
    const { model, prompts, written, endIds, most } = await opened(name);
    for (const [i, prompt] of prompts.entries()) {
      const read = await model.read(prompt);
      const shown: number[] = [];
      const { tokens, hasEnded } = await writeAnswer(model, read, { endIds, most }, (all) => {
        shown.push(all[all.length - 1]);
        return Promise.resolve();
      });
      expect(tokens).toEqual(written[i]);
      expect(hasEnded || tokens.length === most).toBe(true);
      expect(shown, 'one token after the other').toEqual(tokens);
      const stop = new Error('stop');
      await expect(writeAnswer(model, read, { endIds: [], most }, () => Promise.reject(stop))).rejects.toBe(stop);
      model.drop(read);
    }
    await model.release();
  });

  it('gives labels the probability of their tokens, one after another', async () => {
    const { model, prompts, endIds } = await opened(name);
    const [end] = endIds;
    const read = await model.read(prompts[0]);
    const labels = [[7, end], [7, 9, end], [12, 5, 8, end]]; // oxfmt-ignore
    const probabilities = await labelProbabilities(model, read, labels, nothing);
    for (const [i, label] of labels.entries()) {
      const expected = await stepByStep(model, read, label);
      expect(probabilities[i] / expected).toBeCloseTo(1, 3);
    }
    // The prompt is still usable after all that.
    expect((await model.follow(read, [7])).logits).toHaveLength(1);
    await model.release();
  });
});

/** The probability of a label, each token given the ones before it. */
async function stepByStep(model: TextModel, read: ReadText, label: readonly number[]): Promise<number> {
  let log = 0;
  let text = read;
  for (const token of label) {
    log += logProbability(text.next, token);
    ({ text } = await model.follow(text, [token]));
  }
  return Math.exp(log);
}

it('reads a prompt longer than one pass', async () => {
  const { model, prompts } = await opened('llama-tiny');
  const long = Array.from({ length: 60 }, () => prompts[0].slice(1, 3)).flat();
  const whole = await model.read(long);
  const first = await model.read(long.slice(0, 30));
  const { text } = await model.follow(first, long.slice(30));
  expect(whole.length).toBe(long.length);
  whole.next.forEach((logit, i) => expect(logit).toBeCloseTo(text.next[i], 4));
  await model.release();
});

it('leaves nothing open if a graph cannot be opened', async () => {
  const files = await collected(await onnxFiles(await modelOnDisk(committedReference.path('golden/t5-tiny')), 'f32'));
  const { config } = familyOf(committedReference.json('golden/t5-tiny/config.json')).read(
    committedReference.json('golden/t5-tiny/config.json'),
  );
  const broken = new Error('no memory');
  let released = 0;
  const opening = openTextModel(ort, config, async (graph) => {
    if (graph !== 'encoder_model') throw broken;
    const session = await onnxSession(files, `onnx/${graph}.onnx`);
    return Object.assign(session, { release: () => Promise.resolve(void released++) });
  });
  await expect(opening).rejects.toBe(broken);
  expect(released).toBe(1);
});
