import { GorpError } from '../base/errors.ts';
import { randomId } from '../base/random.ts';
import { type KnownModel, readTexts } from '../run/models/open-network.ts';
import type { TrainingSettings } from '../run/settings/settings.ts';
import { promptFrame } from '../tasks/prompt.ts';
import type { TaskDefinition } from '../tasks/task.ts';
import { type ChatTurn, plainChat } from '../text/chat-turn.ts';
import { type OutputFile, textFile } from '../weights/exports/output-file.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import { type Ingredients, recipeNames } from './names.ts';

/** How a model was trained to be asked. */
export interface Asking extends Pick<TrainingSettings, 'promptForm'> {
  /** Maximum number of tokens in an answer. */
  readonly maxNewTokens: number;
  /** The longest prompt in tokens, if it is limited. */
  readonly sourceLength?: number;
  /** The tasks that the model was taught, in order; none of a base model. */
  readonly tasks?: readonly TaskDefinition[];
}

/** A model's texts with raw prompts, and as it is asked. */
export interface KnownForms {
  readonly raw: KnownModel;
  readonly asked: KnownModel;
}

/** Reads both. @throws GorpError as {@link readTexts}. */
export async function readForms(texts: ModelTexts, { promptForm }: Pick<Asking, 'promptForm'>): Promise<KnownForms> {
  const raw = await readTexts(texts, { promptForm: 'raw' });
  return { raw, asked: promptForm === 'raw' ? raw : await readTexts(texts, { promptForm }) };
}

/** Tokens of prompt and answer that Ollama takes without being told, in all its versions. */
const USUAL_CONTEXT = 2048;

/**
 * The files by which programs ask a model as it was trained and tested here: for Ollama a `Modelfile` for conversations,
 * or raw prompts if the model knows none, and `Modelfile.NAME` for each task, whose template holds the task's question;
 * for llama.cpp `NAME.jinja`, a chat template that does the same. All say which tokens end an answer and that the
 * likeliest token is always taken (docs.ollama.com/modelfile; `template/template.go` of Ollama has what templates know).
 *
 * @throws GorpError `settings/template-…`; `model/no-modelfile` if a Modelfile cannot name a token that ends an answer.
 */
export function recipes(forms: KnownForms, asking: Asking, ingredients: Ingredients): OutputFile[] {
  const { tasks = [] } = asking;
  const names = recipeNames(tasks.map(({ name }) => name));
  const own = tasks.flatMap((task, i): OutputFile[] => {
    if (task.form === 'chat') return []; // conversations are for the first file
    const [before, after] = aroundText(forms, task);
    const go = lastMessage(literal(before), literal(after));
    return [
      ...recipe(`Modelfile.${names[i]}`, forms, asking, ingredients, go),
      textFile(`${names[i]}.jinja`, () => lastOfJinja(before, after)),
    ];
  });
  return [...recipe('Modelfile', forms, asking, ingredients, conversation(forms, tasks)), ...own];
}

function recipe(
  path: string,
  { asked: { tokenizer, endIds } }: KnownForms,
  { maxNewTokens, sourceLength = 0 }: Asking,
  { model, adapter }: Ingredients,
  template: string,
): OutputFile[] {
  const ends = endIds.map((id) => tokenizer.decodeWhole([id])).filter((text) => text !== '');
  const context = sourceLength + maxNewTokens;
  const lines = [
    `FROM ./${model}`,
    ...(adapter === undefined ? [] : [`ADAPTER ./${adapter}`]),
    `TEMPLATE """${template}"""`,
    ...[...new Set(ends)].map((text) => `PARAMETER stop ${quoted(text)}`),
    'PARAMETER temperature 0',
    'PARAMETER repeat_penalty 1',
    `PARAMETER num_predict ${maxNewTokens}`,
    ...(context > USUAL_CONTEXT ? [`PARAMETER num_ctx ${context}`] : []),
    '',
  ];
  return [textFile(path, () => lines.join('\n'))];
}

/** Returns the texts around an example in the prompt of a task. */
function aroundText(forms: KnownForms, task: TaskDefinition): [before: string, after: string] {
  const frame = promptFrame(task);
  const [mark] = marksNotIn(frame.before + frame.after);
  const prompt = frame.before + mark + frame.after;
  // Texts to continue are read as they are.
  const { tokenizer } = forms.asked;
  const asked = task.form === 'text' ? undefined : tokenizer.promptText?.([{ role: 'user', content: prompt }]);
  const text = asked ?? prompt;
  const [before, after] = cut(text, [mark]) ?? ['', ''];
  return [withoutBegin(forms, before), after];
}

/** Without the token that begins every text, if the model has one: programs add it themselves. */
function withoutBegin({ raw, asked }: KnownForms, text: string): string {
  const begin = (raw.tokenizer.encodePrompt('').length > 0 && asked.tokenizer.written.bos_token) || '';
  return text.startsWith(begin) ? text.slice(begin.length) : text;
}

/** A Go template that asks with the last message alone, as each example of a task stands for itself. */
const lastMessage = (before: string, after: string): string =>
  `{{ range $i, $_ := .Messages }}{{ if eq (len (slice $.Messages $i)) 1 }}${before}{{ .Content }}${after}{{ end }}{{ end }}`;

/** A Jinja template of llama.cpp that asks with the last message alone. */
const lastOfJinja = (before: string, after: string): string =>
  `{% for message in messages %}{% if loop.last %}{{ ${jinjaText(before)} }}{{ message.content }}{{ ${jinjaText(after)} }}{% endif %}{% endfor %}`;

/**
 * A Go template for conversations as the model's own template writes them, or as plain text if it was taught them so. If
 * the model's template writes a turn otherwise than others of its kind, or there is none, the last message is the prompt.
 */
function conversation(forms: KnownForms, tasks: readonly TaskDefinition[]): string {
  const { tokenizer } = forms.asked;
  const isTaughtChats = tasks.some(({ form }) => form === 'chat');
  const write = tokenizer.promptText?.bind(tokenizer) ?? (isTaughtChats ? plainChat : undefined);
  if (write === undefined) return lastMessage('', '');
  const found = piecesOf(write);
  if (found === null) return lastMessage(...around(forms, write));
  const { first, told, user, assistant, last } = found;
  const [begin, system] = [first, told[0]].map((text) => literal(withoutBegin(forms, text)));
  return [
    '{{ $begun := false }}{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}',
    '{{ if eq .Role "user" }}{{ if not $begun }}{{ $begun = true }}',
    `{{ if $.System }}${system}{{ $.System }}${literal(told[1])}{{ else }}${begin}{{ end }}{{ end }}`,
    `{{ .Content }}{{ if $last }}${literal(last)}{{ else }}${literal(user)}{{ end }}`,
    `{{ else if eq .Role "assistant" }}{{ .Content }}{{ if not $last }}${literal(assistant)}{{ end }}`,
    '{{ end }}{{ end }}',
  ].join('');
}

type Write = (turns: readonly ChatTurn[]) => string;

/** Returns the texts around a single turn. */
function around(forms: KnownForms, write: Write): [before: string, after: string] {
  const [mark] = marksNotIn('');
  const [before, after] = cut(write([{ role: 'user', content: mark }]), [mark]) ?? ['', ''];
  return [literal(withoutBegin(forms, before)), literal(after)];
}

/** The pieces of a conversation besides what is said in it. */
interface Pieces {
  /** Before the first turn of the user. */
  readonly first: string;
  /** Before and after what the system says, up to the first turn of the user. */
  readonly told: readonly [string, string];
  /** From a turn of the user to the answer, and from an answer to the next turn. */
  readonly user: string;
  readonly assistant: string;
  /** After the last turn, up to where its answer begins. */
  readonly last: string;
}

/** Finds them in conversations that a template writes; null if it does not write all turns of a kind alike. */
function piecesOf(write: Write): Pieces | null {
  const [system, one, two, three, yes, no] = marksNotIn('');
  const turn = (content: string): ChatTurn => ({
    role: content === system ? 'system' : content === yes || content === no ? 'assistant' : 'user',
    content,
  });
  const written = (...said: string[]): string[] | null => cut(write(said.map(turn)), said);
  const [alone, told, long] = [written(one), written(system, one), written(one, yes, two, no, three)];
  if (alone === null || told === null || long === null) return null;
  const [first, last] = alone;
  const [begin, user, assistant, userAgain, assistantAgain, end] = long;
  const pairs = [
    [begin, first],
    [userAgain, user],
    [assistantAgain, assistant],
    [end, last],
    [told[2], last],
  ];
  return pairs.every(([piece, other]) => piece === other)
    ? { first, told: [told[0], told[1]], user, assistant, last }
    : null;
}

/** Texts that stand for what is said while a template is examined. */
const marksNotIn = (text: string): string[] => {
  const marks = ['the rules', 'one question', 'two questions', 'three questions', 'an answer', 'no answer'];
  return marks.some((mark) => text.includes(mark)) ? marks.map((mark) => `${mark} of ${randomId()}`) : marks;
};

/** Cuts a text at marks; null unless each is there once, in order. */
function cut(text: string, marks: readonly string[]): string[] | null {
  const pieces: string[] = [];
  let rest = text;
  for (const mark of marks) {
    const at = rest.indexOf(mark);
    if (at < 0 || text.split(mark).length > 2) return null;
    pieces.push(rest.slice(0, at));
    rest = rest.slice(at + mark.length);
  }
  return [...pieces, rest];
}

/**
 * The letters that Ollama's parser leaves out of a value, since Go's `strconv.IsPrint` is false for them, or may be.
 */
const LOST = /[^\p{L}\p{M}\p{N}\p{P}\p{S} \n\r]|[\u{10000}-\u{10ffff}]/u;
/**
 * The signs that a text of a template in a Modelfile cannot hold as they are: `"""` may end it, and a brace may begin
 * an action.
 */
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

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const jinjaText = (text: string): string =>
  `"${text.replaceAll(/["\\]/g, String.raw`\$&`).replaceAll(/[\n\r\t]/g, (letter) => ESCAPES[letter] ?? letter)}"`;

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
