import { type KnownModel, readTexts } from '../run/open-network.ts';
import type { TrainingSettings } from '../run/settings.ts';
import { ChatTemplate, templateOf } from '../text/chat-template.ts';
import type { ModelTexts } from '../weights/model-folder.ts';

/** How a model was trained to be asked. */
export interface Asking extends Pick<TrainingSettings, 'promptForm'> {
  /** Maximum number of tokens in an answer. */
  readonly maxNewTokens: number;
}

/** What Ollama makes a model from: a file, or one with an adapter on top. Names beside the Modelfile. */
export interface Ingredients {
  readonly model: string;
  readonly adapter?: string;
}

/** A model's texts with raw prompts, and as it is asked. */
export interface KnownForms {
  readonly raw: KnownModel;
  readonly asked: KnownModel;
}

/** Reads both. @throws GorpError as {@link readTexts}. */
export async function readForms(texts: ModelTexts, { promptForm }: Asking): Promise<KnownForms> {
  const raw = await readTexts(texts, { promptForm: 'raw' });
  return { raw, asked: promptForm === 'raw' ? raw : await readTexts(texts, { promptForm }) };
}

/** Stands for a prompt while a chat template is rendered. */
const PROMPT = 'the prompt goes here';

/**
 * The `Modelfile` from which Ollama makes a model that answers as here: the prompt as it was trained, the tokens that end
 * an answer, and always the likeliest token (docs.ollama.com/modelfile).
 *
 * @throws GorpError `settings/template-failed`.
 */
export async function modelfile(
  texts: Pick<ModelTexts, 'tokenizerConfig' | 'chatTemplate'>,
  { raw, asked: { tokenizer, endIds } }: KnownForms,
  { promptForm, maxNewTokens }: Asking,
  { model, adapter }: Ingredients,
): Promise<string> {
  const addsBos = raw.tokenizer.encodePrompt('').length > 0;
  const [before, after] = promptForm === 'chat' ? await chatTurn(texts, tokenizer, addsBos) : ['', ''];
  const ends = endIds.map((id) => tokenizer.decodeWhole([id])).filter((text) => text !== '');
  return [
    `FROM ./${model}`,
    ...(adapter === undefined ? [] : [`ADAPTER ./${adapter}`]),
    `TEMPLATE """${literal(before)}{{ .Prompt }}${literal(after)}"""`,
    ...[...new Set(ends)].map((text) => `PARAMETER stop ${JSON.stringify(text)}`),
    'PARAMETER temperature 0',
    'PARAMETER repeat_penalty 1',
    `PARAMETER num_predict ${maxNewTokens}`,
    '',
  ].join('\n');
}

/** What a chat template puts before and after the user's text. Ollama itself adds a token that begins every text. */
async function chatTurn(
  { tokenizerConfig, chatTemplate }: Pick<ModelTexts, 'tokenizerConfig' | 'chatTemplate'>,
  { written }: KnownModel['tokenizer'],
  addsBos: boolean,
): Promise<[before: string, after: string]> {
  const source = templateOf(tokenizerConfig, await chatTemplate());
  if (source === null) return ['', ''];
  const template = await ChatTemplate.read(source);
  const text = template.render([{ role: 'user', content: PROMPT }], { addGenerationPrompt: true, tokens: written });
  const begin = (addsBos && written.bos_token) || '';
  const at = text.indexOf(PROMPT);
  const before = text.slice(0, at);
  return [before.startsWith(begin) ? before.slice(begin.length) : before, text.slice(at + PROMPT.length)];
}

/** A text in a Go template. */
const literal = (text: string): string => text.replaceAll('{{', '{{ "{{" }}');
