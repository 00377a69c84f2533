import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as transformers from '@huggingface/transformers';
import type { PromptForm } from '../tasks/prompt.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import './onnxruntime-of-node.ts';

type Library = typeof transformers;

/**
 * transformers.js in Node, on onnxruntime-web.
 *
 * @param folder that contains the models; their names are those of its subfolders.
 */
export async function transformersJs(folder: string): Promise<Library> {
  const library = await import('@huggingface/transformers');
  Object.assign(library.env, { allowLocalModels: true, allowRemoteModels: false });
  library.env.localModelPath = `${folder}/`;
  return library;
}

const BATCH = 50;

/**
 * The greedy answers of transformers.js to prompts.
 *
 * @param folder that contains the model. @param name of its subfolder.
 * @param reading.decode makes texts of token ids; the tokenizer of transformers.js by default.
 */
export async function transformersJsAnswers(
  folder: string,
  name: string,
  prompts: readonly string[],
  reading: { promptForm: PromptForm; maxNewTokens: number; decode?: (ids: number[]) => string },
): Promise<string[]> {
  const library = await transformersJs(folder);
  const config = await library.AutoConfig.from_pretrained(name);
  const isSeq2Seq = (config as { is_encoder_decoder?: boolean }).is_encoder_decoder === true;
  const model = await (isSeq2Seq ? library.AutoModelForSeq2SeqLM : library.AutoModelForCausalLM).from_pretrained(name);
  const tokenizer = await tokenizerOf(library, join(folder, name), name, isSeq2Seq ? 'right' : 'left');
  const { promptForm, maxNewTokens, decode = (ids) => tokenizer.decode(ids) } = reading;
  const { eos_token_id } = model.generation_config as { eos_token_id: number | number[] };
  const ends = [eos_token_id].flat();
  /** In a batch, transformers.js continues rows that have ended. */
  const untilEnd = (row: number[]): number[] => {
    const end = row.findIndex((id) => ends.includes(id));
    return end < 0 ? row : row.slice(0, end);
  };
  const texts: string[] = [];
  for (let at = 0; at < prompts.length; at += BATCH) {
    const inputs = tokenizer.read(prompts.slice(at, at + BATCH), promptForm);
    const outputs = await model.generate({ ...inputs, max_new_tokens: maxNewTokens });
    const begin = isSeq2Seq ? 1 : inputs.input_ids.dims[1];
    const rows = (outputs as { tolist(): bigint[][] }).tolist();
    texts.push(...rows.map((row) => decode(untilEnd(row.slice(begin).map(Number)))));
  }
  return texts;
}

interface Inputs {
  input_ids: transformers.Tensor;
  attention_mask: transformers.Tensor;
}

/** Encodes and decodes text for a model in transformers.js. */
interface TextTokenizer {
  read(prompts: string[], form: PromptForm): Inputs;
  decode(ids: number[]): string;
}

/** The model's tokenizer in transformers.js; without the `tokenizer.json` that needs, the engine's byte tokenizer. */
async function tokenizerOf(
  library: Library,
  path: string,
  name: string,
  padding: 'left' | 'right',
): Promise<TextTokenizer> {
  if (!existsSync(join(path, 'tokenizer.json'))) return bytes(library);
  const tokenizer = await library.AutoTokenizer.from_pretrained(name);
  tokenizer.padding_side = padding;
  const encode = (texts: string[], add_special_tokens: boolean): Inputs =>
    tokenizer(texts, { padding: true, add_special_tokens });
  return {
    read: (prompts, form) => {
      if (form === 'raw') return encode(prompts, true);
      const rendered = prompts.map((content) =>
        tokenizer.apply_chat_template([{ role: 'user', content }], { tokenize: false, add_generation_prompt: true }),
      );
      return encode(rendered.map(String), false);
    },
    decode: (ids) => (ids.length === 0 ? '' : tokenizer.decode(ids, { skip_special_tokens: true })),
  };
}

function bytes({ Tensor }: Library): TextTokenizer {
  const tokenizer = loadTokenizer(null, { tokenizer_class: 'ByT5Tokenizer' });
  return {
    read: (prompts) => {
      const rows = prompts.map((prompt) => tokenizer.encodePrompt(prompt));
      const length = Math.max(...rows.map((row) => row.length));
      const tensor = (valueAt: (row: number[], i: number) => number): transformers.Tensor =>
        new Tensor(
          'int64',
          BigInt64Array.from(rows.flatMap((row) => Array.from({ length }, (_, i) => BigInt(valueAt(row, i))))),
          [rows.length, length],
        );
      const padded = (row: number[], i: number): number => (i < row.length ? row[i] : tokenizer.padId);
      return { input_ids: tensor(padded), attention_mask: tensor((row, i) => (i < row.length ? 1 : 0)) };
    },
    decode: (ids) => tokenizer.decode(ids),
  };
}
