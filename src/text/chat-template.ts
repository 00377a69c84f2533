import type * as Jinja from '@huggingface/jinja';
import { GorpError } from '../base/errors.ts';
import type { ChatTurn } from './chat-turn.ts';
import { limitedInterpreter, MAX_NUMBER } from './limited-interpreter.ts';

/** What a template needs besides the turns. */
export interface ChatOptions {
  /** Whether the text should end where the assistant's answer begins. */
  readonly addGenerationPrompt: boolean;
  /** Special tokens as they are written. */
  readonly tokens: Readonly<Record<string, string | null>>;
}

// Those of the largest published models have 30,000 characters.
const MAX_TEMPLATE = 131_072;
/** Characters of a date's format, and of a template's own message. */
const MAX_WORDS = 1000;

/** A model's chat template: https://huggingface.co/docs/transformers/chat_templating. */
export class ChatTemplate {
  readonly #jinja: typeof Jinja;
  readonly #program: ReturnType<typeof Jinja.parse>;
  readonly #now: Date;

  private constructor(jinja: typeof Jinja, program: ReturnType<typeof Jinja.parse>, now: Date) {
    this.#jinja = jinja;
    this.#program = program;
    this.#now = now;
  }

  /**
   * Reads a template. The first call loads the library.
   *
   * @param now the date that it prints, if it prints one: Llama 3 and SmolLM3 do.
   * @throws GorpError `settings/template-failed` if it is not a template, or is too long.
   */
  static async read(source: string, now = new Date()): Promise<ChatTemplate> {
    if (source.length > MAX_TEMPLATE) {
      throw templateFailed(`it has ${source.length} characters; the limit is ${MAX_TEMPLATE}`);
    }
    const jinja = await import('@huggingface/jinja');
    try {
      // The same options as in transformers.
      const tokens = jinja.tokenize(source, { lstrip_blocks: true, trim_blocks: true });
      return new ChatTemplate(jinja, jinja.parse(tokens), now);
    } catch (cause) {
      throw templateFailed(messageOf(cause), cause);
    }
  }

  /**
   * The text of a conversation. Thinking is off in templates that offer it.
   *
   * @throws GorpError `settings/template-failed` if the template refuses it, fails, or exceeds a limit.
   */
  render(turns: readonly ChatTurn[], { addGenerationPrompt, tokens }: ChatOptions): string {
    const { Environment } = this.#jinja;
    const environment = new Environment();
    const variables = {
      ...{ true: true, false: false, none: null, True: true, False: false, None: null },
      raise_exception: (message: unknown) => {
        throw new Error(String(message).slice(0, MAX_WORDS));
      },
      range: rangeOf,
      strftime_now: (format: string) => formatDate(this.#now, format),
      ...{ messages: turns.map((turn) => ({ ...turn })), add_generation_prompt: addGenerationPrompt },
      ...{ enable_thinking: false, tools: null, documents: null },
      ...Object.fromEntries(Object.entries(tokens).filter(([, token]) => token !== null)),
    };
    try {
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      const text: unknown = limitedInterpreter(this.#jinja, environment).run(this.#program).value;
      if (typeof text !== 'string') throw new Error('it renders no text');
      return text;
    } catch (cause) {
      throw templateFailed(messageOf(cause), cause);
    }
  }
}

/** Python's range. */
function rangeOf(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error('range() with a step of 0');
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= MAX_NUMBER)) throw new Error(`its range of ${length} numbers is too long`);
  return Array.from({ length }, (_, i) => from + i * step);
}

/** Python's strftime, as far as templates use it. */
function formatDate(now: Date, format: string): string {
  if (format.length > MAX_WORDS) throw new Error('the format of its date is too long');
  const named = (options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat('en-US', options).format(now);
  const two = (value: number): string => String(value).padStart(2, '0');
  const parts: Record<string, () => string> = {
    '%Y': () => String(now.getFullYear()),
    '%m': () => two(now.getMonth() + 1),
    '%d': () => two(now.getDate()),
    '%b': () => named({ month: 'short' }),
    '%B': () => named({ month: 'long' }),
    '%H': () => two(now.getHours()),
    '%M': () => two(now.getMinutes()),
    '%S': () => two(now.getSeconds()),
  };
  return format.replace(/%./g, (part) => (Object.hasOwn(parts, part) ? parts[part]() : part));
}

/**
 * The template of a model: chat_template.jinja, else the one in tokenizer_config.json; null if there is none.
 *
 * @param file the text of chat_template.jinja; null if there is none.
 */
export function templateOf(tokenizerConfig: unknown, file: string | null): string | null {
  if (file !== null) return file;
  const { chat_template: named } = (tokenizerConfig ?? {}) as { chat_template?: unknown };
  if (typeof named === 'string') return named;
  if (!Array.isArray(named)) return null;
  const all = named as { name?: unknown; template?: unknown }[];
  const found = all.find((one) => one.name === 'default')?.template;
  return typeof found === 'string' ? found : null;
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

const templateFailed = (what: string, cause?: unknown): GorpError =>
  new GorpError(
    'settings/template-failed',
    `The model's chat template cannot be used: ${what.replace(/\.$/, '')}.`,
    'Choose raw prompts, or a model with another chat template.',
    { cause },
  );
