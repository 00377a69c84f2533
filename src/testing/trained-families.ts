import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveName, type ExportChoice } from '../worker/protocol.ts';
import { openNamedModel } from '../cli/named-models.ts';
import { openRoundFolder, writeFiles } from '../cli/round-folder.ts';
import { onnxFiles } from '../onnx/onnx-files.ts';
import type { MethodName } from '../methods/registry.ts';
import type { RunEvent } from '../run/events/events.ts';
import { ordersFolder, PREDICTIONS_FILE, roundFolder } from '../run/files/layout.ts';
import { readPredictions, type Prediction } from '../run/files/predictions.ts';
import { type RoundUse, useOfRound } from '../run/files/round-use.ts';
import { Run } from '../run/run.ts';
import type { PromptForm } from '../tasks/prompt.ts';
import { mergedModelFiles } from '../weights/exports/merge.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { DECODERS, ENCODER_DECODERS, familiesIn } from './families.ts';
import { committedReference } from './reference.ts';
import { THINGS } from './things-task.ts';
import { tinyModel } from './tiny-model.ts';
import { tinyHost, tinySettings } from './tiny-run.ts';

/** A tiny model of a family with random weights and the family's kind of tokenizer. */
export interface TrainableFamily {
  readonly family: string;
  readonly promptForm: PromptForm;
  readonly open: () => ModelFiles;
}

/** Tokenizers of the reference data, by family. */
const TOKENIZERS: Readonly<Record<string, string>> = {
  'byt5-tiny': 'bytes-byt5',
  'llama-tiny': 'byte-fallback-llama2',
  'mistral-tiny': 'byte-fallback-llama2',
  'llama3-tiny': 'byte-level-llama3',
  'smollm3-tiny': 'byte-level-llama3',
  'qwen2-tiny': 'byte-level-qwen',
  'qwen3-tiny': 'byte-level-qwen',
  'gemma3-tiny': 'byte-fallback-gemma',
};
/** More than the tokens of the largest such tokenizer, and of a prompt of bytes. */
const [ROWS, POSITIONS] = [520, 512];
/** The family that reads prompts in its chat template, and the template. */
const CHAT = 'qwen3-tiny';
const CHAT_TEMPLATE = `{%- for message in messages -%}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}`;

/** Every family of the project's own reference numbers. */
export const TRAINABLE_FAMILIES: readonly TrainableFamily[] = familiesIn([...ENCODER_DECODERS, ...DECODERS])
  .filter(({ reference }) => reference.name === committedReference.name)
  .map(({ family }) => ({
    family,
    promptForm: family === CHAT ? 'chat' : 'raw',
    open: () => openFamily(family),
  }));

function openFamily(family: string): ModelFiles {
  const config = committedReference.json<Record<string, unknown>>(`golden/${family}/config.json`);
  const folder = `tokenizers/${TOKENIZERS[family] ?? 'unigram-t5'}`;
  const tokenizerConfig = committedReference.json<Record<string, unknown>>(`${folder}/tokenizer_config.json`);
  const chatTemplate = (): Promise<string | null> => Promise.resolve(family === CHAT ? CHAT_TEMPLATE : null);
  if (family === 'byt5-tiny') return { ...tinyModel(config), tokenizer: null, tokenizerConfig, chatTemplate };
  const tokenizer = committedReference.json<Tokenizer>(`${folder}/tokenizer.json`);
  const idOf = (name: string): number | null =>
    tokenizer.added_tokens.find(({ content }) => content === tokenizerConfig[name])?.id ?? null;
  const [eos, bos] = [idOf('eos_token'), idOf('bos_token')];
  const tokens = { eos_token_id: eos, bos_token_id: bos, pad_token_id: idOf('pad_token') ?? bos ?? eos };
  const more = { vocab_size: ROWS, max_position_embeddings: POSITIONS, ...tokens };
  return { ...tinyModel({ ...config, ...more }), tokenizer, tokenizerConfig, chatTemplate };
}

interface Tokenizer {
  added_tokens: { id: number; content: string }[];
}

/** The output of a family after a task, in folders named as in the page's example programs. */
export interface TrainedFamily {
  /** The folder that contains all others. */
  readonly folder: string;
  /** Names of the folders of the ONNX export, and of the model with the round merged in. */
  readonly onnx: string;
  readonly merged: string;
  readonly use: RoundUse;
  /** The engine's answers to the test prompts. */
  readonly answers: readonly Prediction[];
}

const BASE = 'base-model';
const ANSWER_LENGTH = 12;

/** Trains a family on {@link THINGS} and writes its round's exports to a folder. */
export async function writeTrained(
  folder: string,
  { promptForm, open }: TrainableFamily,
  method: MethodName,
): Promise<TrainedFamily> {
  const archive = (as: ExportChoice): string => archiveName(as, [THINGS.name]).replace(/\.zip$/, '');
  const [onnx, merged] = [archive({ what: 'onnx', dtype: 'f32' }), archive({ what: 'merge' })];
  const path = `${ordersFolder([THINGS.name])}/${roundFolder(1, THINGS.name)}`;
  const [base, round] = [join(folder, BASE), join(folder, archive({ what: 'zip' }), path)];
  const nothing = { scaling: 1, adapter: () => Promise.resolve(undefined), weights: () => Promise.resolve(undefined) };
  await writeFiles(base, await mergedModelFiles(open(), { changed: new Set(), changes: nothing }));
  const lengths = { sourceLength: POSITIONS - ANSWER_LENGTH, targetLength: ANSWER_LENGTH };
  const training = { ...lengths, promptForm, batchSize: 8, evaluationBatchSize: 50 };
  const settings = { ...tinySettings(method, training), model: base, order: [THINGS.name] };
  const events: RunEvent[] = [];
  const host = tinyHost((event) => events.push(event), {
    openModel: (name) => openNamedModel(name),
    customTask: () => Promise.resolve(THINGS),
    saveRound: ({ results, trained }) => writeFiles(round, [...results, ...trained]),
  });
  await new Run(host, settings).execute();
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error(JSON.stringify(last));
  const saved = await openRoundFolder(round);
  const predictions = readFileSync(join(round, PREDICTIONS_FILE), 'utf8');
  const model = await openNamedModel(base);
  await writeFiles(join(folder, merged), await mergedModelFiles(model, saved));
  await writeFiles(join(folder, onnx), await onnxFiles(model, 'f32', saved));
  return { folder, onnx, merged, use: useOfRound(saved, path, predictions), answers: readPredictions(predictions) };
}
