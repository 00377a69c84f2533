import type { ModelTexts } from '../model-folder.ts';
import { jsonFile, type OutputFile, textFile } from './output-file.ts';

/**
 * The files by which text is read for a model, as its folder has them: `tokenizer.json` (but where tokens are bytes),
 * `tokenizer_config.json`, `chat_template.jinja`. Its text is in the configuration as well, where alone transformers.js looks.
 *
 * @throws GorpError what fetching the chat template throws.
 */
export async function textReadingFiles({
  tokenizer,
  tokenizerConfig,
  chatTemplate,
}: Pick<ModelTexts, 'tokenizer' | 'tokenizerConfig' | 'chatTemplate'>): Promise<OutputFile[]> {
  const template = await chatTemplate();
  const withTemplate =
    template === null ? tokenizerConfig : { ...(tokenizerConfig as object), chat_template: template };
  return [
    ...(tokenizer === null ? [] : [jsonFile('tokenizer.json', tokenizer)]),
    jsonFile('tokenizer_config.json', withTemplate),
    ...(template === null ? [] : [textFile('chat_template.jinja', () => template)]),
  ];
}
