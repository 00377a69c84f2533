import { statingSpaces } from '../../base/tokenizer-config.ts';
import type { ModelTexts } from '../model-folder.ts';
import { jsonFile, type OutputFile, textFile } from './output-file.ts';

/**
 * The tokenizer files of a model's folder: `tokenizer.json` (unless tokens are bytes), `tokenizer_config.json`,
 * `chat_template.jinja`. The configuration contains the template too, since transformers.js looks only there, and says
 * whether spaces are cleaned up, where the defaults of programs differ.
 *
 * @throws GorpError what fetching the chat template throws.
 */
export async function textReadingFiles(
  texts: Pick<ModelTexts, 'config' | 'tokenizer' | 'tokenizerConfig' | 'chatTemplate'>,
): Promise<OutputFile[]> {
  const template = await texts.chatTemplate();
  const { tokenizer } = texts;
  return [
    ...(tokenizer === null ? [] : [jsonFile('tokenizer.json', tokenizer)]),
    jsonFile('tokenizer_config.json', {
      ...(statingSpaces(texts) as object),
      ...(template !== null && { chat_template: template }),
    }),
    ...(template === null ? [] : [textFile('chat_template.jinja', () => template)]),
  ];
}
