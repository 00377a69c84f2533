import { GorpError } from '../base/errors.ts';
import { type KnownModel, readTexts } from '../run/models/open-network.ts';
import type { TrainingSettings } from '../run/settings/settings.ts';
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
 * @throws GorpError `settings/template-…`; `model/no-modelfile` if a Modelfile cannot name a token that ends an answer.
 */
export function modelfile(
  { raw, asked: { tokenizer, endIds } }: KnownForms,
  { maxNewTokens }: Asking,
  { model, adapter }: Ingredients,
): string {
  const [before, after] = around(tokenizer, raw.tokenizer.encodePrompt('').length > 0);
  const ends = endIds.map((id) => tokenizer.decodeWhole([id])).filter((text) => text !== '');
  return [
    `FROM ./${model}`,
    ...(adapter === undefined ? [] : [`ADAPTER ./${adapter}`]),
    `TEMPLATE """${literal(before)}{{ .Prompt }}${literal(after)}"""`,
    ...[...new Set(ends)].map((text) => `PARAMETER stop ${quoted(text)}`),
    'PARAMETER temperature 0',
    'PARAMETER repeat_penalty 1',
    `PARAMETER num_predict ${maxNewTokens}`,
    '',
  ].join('\n');
}

/** What a chat template puts before and after the user's text. Ollama itself adds a token that begins every text. */
function around(tokenizer: KnownModel['tokenizer'], addsBos: boolean): [before: string, after: string] {
  const text = tokenizer.promptText?.(PROMPT) ?? PROMPT;
  const begin = (addsBos && tokenizer.written.bos_token) || '';
  const at = text.indexOf(PROMPT);
  const before = text.slice(0, at);
  return [before.startsWith(begin) ? before.slice(begin.length) : before, text.slice(at + PROMPT.length)];
}

/** What Ollama's parser leaves out of a value, since Go's `strconv.IsPrint` is false for it, or may be. */
const LOST = /[^\p{L}\p{M}\p{N}\p{P}\p{S} \n\r]|[\u{10000}-\u{10ffff}]/u;
/** What a text of a template in a Modelfile cannot hold as it is: `"""` may end it, and a brace may begin an action. */
const SPECIAL = new RegExp(`"{3,}|\\{+|(?:${LOST.source})+`, 'gu');

/** A text in a Go template in a Modelfile: what neither could hold is written by an action, as a text of Go. */
const literal = (text: string): string => text.replaceAll(SPECIAL, (special) => `{{ ${goText(special)} }}`);

/** A text of Go, in ASCII. */
const goText = (text: string): string =>
  `"${Array.from(text, (letter) => {
    if (letter === '"') return '\\"';
    if (letter === '{') return letter;
    return `\\U${(letter.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;
  }).join('')}"`;

/** The value of a parameter, which Ollama reads as it is up to quotes like the first at the end of a line. */
function quoted(text: string): string {
  const quotes = text.includes('"') ? '"""' : '"';
  if (!LOST.test(text) && !/"{3}[ \t]*[\n\r]/.test(text)) return quotes + text + quotes;
  throw new GorpError(
    'model/no-modelfile',
    `A Modelfile for Ollama cannot name the token ${JSON.stringify(text)}, which ends an answer: it would be read otherwise.`,
    'Export the model to ONNX, or train one whose end tokens are plain text.',
  );
}
