/** How the weights of a GGUF export are stored. */
export const GGUF_DTYPES = ['f16', 'q8_0', 'q4_0', 'f32'] as const;
export type GgufDtype = (typeof GGUF_DTYPES)[number];

/** Their names in the page’s lists. */
export const GGUF_WORDS: Readonly<Record<GgufDtype, string>> = {
  f16: 'F16',
  q8_0: 'Q8_0',
  q4_0: 'Q4_0',
  f32: 'F32',
};

/** How many answers to the tests that come with a model are the same with the weights of a GGUF file. */
export interface SameAnswers {
  readonly same: number;
  readonly of: number;
}

/** `Q4_0: 52 of 64 test answers stay the same.` */
export const sameAnswersText = (dtype: GgufDtype, { same, of }: SameAnswers): string =>
  `${GGUF_WORDS[dtype]}: ${same} of ${of} test ${of === 1 ? 'answer stays' : 'answers stay'} the same.`;

/** A model's name as part of a file name: the last part of its path, without a revision. */
const stemOf = (model: string): string =>
  (
    model
      .replace(/\/+$/, '')
      .split(/[/\\:]/)
      .at(-1) ?? ''
  )
    .replace(/@.*$/, '')
    .replace(/\.gguf$/, '')
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^-+/, '') || 'model';

/**
 * Returns the name of a merged model, without `.gguf`. @param learned as {@link learnedSlug} gives it; empty for a base
 * model.
 */
export const mergedName = (model: string, learned: string, dtype: GgufDtype): string =>
  [stemOf(model), ...(learned === '' ? [] : [learned]), dtype].join('-');

/** Returns the name of the adapter of a round, without `.gguf`. */
export const adapterFileName = (model: string, learned: string): string => `${stemOf(model)}-${learned}-adapter`;

/** Names that Windows gives to devices. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(?=$|\.)/;
const LONGEST = 40;

/** Returns the names of tasks for files and for models in Ollama, each different from the others. */
export function recipeNames(tasks: readonly string[]): string[] {
  const names: string[] = [];
  for (const [i, task] of tasks.entries()) {
    const safe = task
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replace(/^[^a-z0-9]+/, '')
      .slice(0, LONGEST)
      .replace(/[^a-z0-9]+$/, '')
      .replace(DEVICES, 'task-$1');
    const name = safe || `task-${i + 1}`;
    let own = name;
    for (let again = 2; names.includes(own); again++) own = `${name}-${again}`;
    names.push(own);
  }
  return names;
}

/**
 * Names the tasks that a model has learned, as part of a file name: `mails-chats`, and of many tasks the first and a
 * number.
 */
export function learnedSlug(tasks: readonly string[]): string {
  const names = recipeNames(tasks);
  const all = names.join('-');
  return all.length <= LONGEST ? all : `${names[0]}-and-${names.length - 1}-more`;
}

/** The file of a base model, for an adapter: its own, or the one that an export of it writes. */
export const baseFile = (model: string): string =>
  `${model.endsWith('.gguf') ? stemOf(model) : mergedName(model, '', 'f16')}.gguf`;

/** The files from which Ollama makes a model: one, or one with an adapter on top. Names beside the Modelfile. */
export interface Ingredients {
  readonly model: string;
  readonly adapter?: string;
}

/**
 * Lines that ask a model by its Modelfiles and chat templates. They are the same in Windows' `cmd` and PowerShell and in other shells.
 *
 * @param model a file name, as in {@link Ingredients}.
 * @param name of the model in Ollama, for conversations.
 */
export function linesToAsk(
  {
    tasks = [],
    maxNewTokens,
  }: { tasks?: readonly { readonly name: string; readonly form?: string | undefined }[]; maxNewTokens: number },
  { model, adapter }: Ingredients,
  name: string,
): { readonly ollama: string[]; readonly llamaCpp: string[] } {
  const own = recipeNames(tasks.map((task) => task.name)).filter((_, i) => tasks[i].form !== 'chat');
  const server = `llama-server -m ${model}${adapter === undefined ? '' : ` --lora ${adapter}`} --jinja --temp 0 -n ${maxNewTokens}`;
  return {
    ollama: [
      ...own.flatMap((task) => [`ollama create ${task} -f Modelfile.${task}`, `ollama run ${task} "my text"`]),
      ...[`ollama create ${name}-chat -f Modelfile`, `ollama run ${name}-chat`],
    ],
    llamaCpp: own.length === 0 ? [server] : own.map((task) => `${server} --chat-template-file ${task}.jinja`),
  };
}
