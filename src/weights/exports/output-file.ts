import { asPieces } from '../../base/pieces.ts';
import { statingSpaces } from '../../base/tokenizer-config.ts';
import { tensorBytes } from '../dtypes.ts';
import type { ModelTexts } from '../model-folder.ts';
import { type TensorSource, writeSafetensors } from '../safetensors.ts';

/** A file generated piece by piece as it is written, so that it is never held in memory. */
export interface OutputFile {
  /** Relative to the output folder, with forward slashes. */
  readonly path: string;
  /** The bytes in order; every call starts from the beginning. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** Makes a file from a text. */
export const textFile = (path: string, text: () => string): OutputFile => ({
  path,
  content: () => asPieces(new TextEncoder().encode(text())),
});

/** Makes an indented JSON file from a value. */
export const jsonFile = (path: string, value: unknown): OutputFile =>
  textFile(path, () => `${JSON.stringify(value, null, 2)}\n`);

/** Puts files below a folder. */
export const within = (folder: string, files: readonly OutputFile[]): OutputFile[] =>
  files.map(({ path, content }) => ({ path: `${folder}/${path}`, content }));

type Texts = Pick<ModelTexts, 'config' | 'tokenizer' | 'tokenizerConfig'>;

/**
 * The tokenizer files of a model's folder: `tokenizer.json` (unless tokens are bytes), `tokenizer_config.json`,
 * `chat_template.jinja`. The configuration contains the template too, since transformers.js looks only there.
 *
 * @throws GorpError what fetching the chat template throws.
 */
export async function textReadingFiles(texts: Texts & Pick<ModelTexts, 'chatTemplate'>): Promise<OutputFile[]> {
  const template = await texts.chatTemplate();
  const { tokenizer } = texts;
  return [
    ...(tokenizer === null ? [] : [jsonFile('tokenizer.json', tokenizer)]),
    jsonFile('tokenizer_config.json', {
      ...configFor(texts),
      ...(template !== null && { chat_template: template }),
    }),
    ...(template === null ? [] : [textFile('chat_template.jinja', () => template)]),
  ];
}

const TOKENS = { eos_token: '</s>', unk_token: '<unk>' };
/** The entries that classes of tokenizers in transformers add to their files, by the beginning of their names. */
const CLASSES: readonly (readonly [RegExp, object])[] = [
  [/^(?:um|m)?t5/i, { ...TOKENS, pad_token: '<pad>' }],
  [/^(?:llama|mistral)/i, { bos_token: '<s>', ...TOKENS, padding_side: 'left' }],
  [/^gemma/i, { padding_side: 'left' }],
];

/**
 * A tokenizer's configuration with which every program reads and writes texts as this project: it says whether spaces
 * are cleaned up, where defaults differ, and names the class that takes tokenizer.json as it is. Others, such as
 * LlamaTokenizer and T5Tokenizer of transformers 5, build their own normaliser and splitting in place of those in the
 * file. What such a class adds is written out.
 */
function configFor(texts: Texts): object {
  const config = statingSpaces(texts) as Record<string, unknown>;
  if (texts.tokenizer === null) return config;
  const { added_tokens: added = [] } = texts.tokenizer as { added_tokens?: readonly { content: unknown }[] };
  const type = String(config['tokenizer_class'] ?? (texts.config as { model_type?: unknown }).model_type);
  const defaults = CLASSES.flatMap(([name, values]) => (name.test(type) ? Object.entries(values) : [])).filter(
    ([key, value]) => key === 'padding_side' || added.some(({ content }) => content === value),
  );
  return {
    ...Object.fromEntries(defaults),
    model_input_names: ['input_ids', 'attention_mask'],
    ...config,
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
}

/** Maximum bytes of tensors in one file, as in Hugging Face's `save_pretrained`. */
const MAX_SHARD_BYTES = 5e9;

/** The framework of the tensors, as `transformers` writes it. */
export const PT_FORMAT: ReadonlyMap<string, string> = new Map([['format', 'pt']]);

/**
 * Lays weights out as `save_pretrained` does: `model.safetensors`, or `model-00001-of-0000N.safetensors` with
 * `model.safetensors.index.json` above `maxBytes`. Preserves the order of tensors; one larger than `maxBytes` gets a
 * file of its own.
 */
export function shardedWeights(tensors: readonly TensorSource[], maxBytes = MAX_SHARD_BYTES): OutputFile[] {
  const shards: TensorSource[][] = [[]];
  let filled = 0;
  let total = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (filled > 0 && filled + bytes > maxBytes) {
      shards.push([]);
      filled = 0;
    }
    shards[shards.length - 1].push(tensor);
    filled += bytes;
    total += bytes;
  }
  const file = (path: string, sources: readonly TensorSource[]): OutputFile => ({
    path,
    content: () => writeSafetensors(sources, PT_FORMAT),
  });
  if (shards.length === 1) return [file('model.safetensors', shards[0])];
  const number = (n: number): string => String(n).padStart(5, '0');
  const names = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  const places = shards.flatMap((shard, i) => shard.map(({ name }): [string, string] => [name, names[i]]));
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(places.sort(byName)) };
  return [...shards.map((shard, i) => file(names[i], shard)), jsonFile('model.safetensors.index.json', index)];
}

const bytesOf = ({ dtype, shape }: TensorSource): number => tensorBytes(dtype, shape) ?? 0;

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1);

/** The facts about an adapter that PEFT needs besides its tensors. */
interface AdapterFacts {
  /** Where the base model comes from: `t5-large`, a folder, … */
  baseModel: string;
  /** The commit of a model on the hub. */
  revision: string | null;
  task: 'SEQ_2_SEQ_LM' | 'CAUSAL_LM';
  /** s, by which B A is multiplied. */
  scaling: number;
  dropout: number;
}

/** The prefix that PEFT puts before the names of an adapter's tensors: `base_model.model.{layer}.lora_A.weight`. */
export const PEFT_PREFIX = 'base_model.model.';

/**
 * `adapter_config.json` of PEFT's LoRA. PEFT multiplies B A by `lora_alpha / r`. Here r is the sum of all tasks' ranks,
 * and alpha grows with it so that the quotient stays s (docs/method.md, eq. (3)).
 *
 * @param layers with an adapter, all of one rank: the sum of all tasks' ranks.
 */
export function peftConfig(layers: readonly string[], rank: number, facts: AdapterFacts): Record<string, unknown> {
  return {
    base_model_name_or_path: facts.baseModel,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: facts.scaling * rank,
    lora_dropout: facts.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    revision: facts.revision,
    target_modules: layers,
    task_type: facts.task,
  };
}
