import { statingSpaces } from '../../base/tokenizer-config.ts';
import type { ModelTexts } from '../model-folder.ts';

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
  content: () => pieces([new TextEncoder().encode(text())]),
});

// oxlint-disable-next-line typescript/require-await -- all content is async.
async function* pieces(all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all;
}

/** Makes an indented JSON file from a value. */
export const jsonFile = (path: string, value: unknown): OutputFile =>
  textFile(path, () => `${JSON.stringify(value, null, 2)}\n`);

/** The same files below another folder. */
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
/** What classes of tokenizers in transformers add to their files, by the beginning of their names. */
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
