import { statingSpaces } from '../../base/tokenizer-config.ts';
import type { ModelTexts } from '../model-folder.ts';
import { jsonFile, type OutputFile, textFile } from './output-file.ts';

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
