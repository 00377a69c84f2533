import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFiles } from '../cli/round-folder.ts';
import { modelOnDisk } from '../testing/onnx-runtime.ts';
import { committedReference } from '../testing/reference.ts';
import { transformersJs } from '../testing/transformers-js.ts';
import { onnxFiles } from './onnx-files.ts';

/** Answers of transformers in Python to prompts; for T5, those of the batch. */
interface Generated {
  max_new_tokens: number;
  output_ids: number[][];
  input_ids: number[][];
  attention_mask: number[][];
}

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'gorp-onnx-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** Rows of whole numbers for transformers.js. */
type Rows = number[][];

describe.each(['t5-tiny', 't5-v1_1-tiny', 'llama-tiny'])('%s in transformers.js', (name) => {
  it('writes what transformers writes', async () => {
    await writeFiles(
      join(folder, name),
      await onnxFiles(await modelOnDisk(committedReference.path(`golden/${name}`)), 'f32'),
    );
    const { AutoModelForCausalLM, AutoModelForSeq2SeqLM, Tensor } = await transformersJs(folder);
    const isSeq2Seq = name !== 'llama-tiny';
    const model = await (isSeq2Seq ? AutoModelForSeq2SeqLM : AutoModelForCausalLM).from_pretrained(name);
    const wanted = committedReference.json<Generated>(`golden/${name}/generate.json`);
    const { eos_token_id } = committedReference.json<{ eos_token_id: number }>(`golden/${name}/config.json`);
    const { input_ids, attention_mask } = isSeq2Seq ? batchOf(name) : wanted;
    const tensor = (rows: Rows) =>
      new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);
    const outputs = await model.generate({
      input_ids: tensor(input_ids),
      attention_mask: tensor(attention_mask),
      max_new_tokens: wanted.max_new_tokens,
    });
    const written = (outputs as { tolist(): bigint[][] }).tolist().map((row) => row.map(Number));
    const prompt = isSeq2Seq ? 1 : input_ids[0].length;
    const untilEnd = (row: number[]): number[] => {
      const end = row.indexOf(eos_token_id, prompt);
      return end < 0 ? row : row.slice(0, end + 1); // transformers.js pads ended rows with further tokens
    };
    expect(written.map(untilEnd)).toEqual(wanted.output_ids.map(untilEnd));
  });
});

/** The prompts of a T5's reference batch. */
function batchOf(name: string): { input_ids: Rows; attention_mask: Rows } {
  const batch = committedReference.tensors(`golden/${name}/batch.safetensors`);
  const rows = (tensor: string): Rows => {
    const { data, shape } = batch.get(tensor) as { data: Int32Array; shape: number[] };
    return Array.from({ length: shape[0] }, (_, b) => [...data.subarray(b * shape[1], (b + 1) * shape[1])]);
  };
  return { input_ids: rows('input_ids'), attention_mask: rows('attention_mask') };
}
