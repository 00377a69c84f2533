import type { ModelTexts } from '../model-folder.ts';
import { jsonFile, type OutputFile, textFile } from './output-file.ts';

/**
 * The tokenizer files of a model's folder: `tokenizer.json` (unless tokens are bytes), `tokenizer_config.json`,
 * `chat_template.jinja`. The configuration contains the template too, since transformers.js looks only there.
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
