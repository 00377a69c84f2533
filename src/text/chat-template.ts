import type { ChatTurn } from './chat-turn.ts';
import { GorpError } from '../base/errors.ts';
import { render } from './jinja/interpreter.ts';
import { parseTemplate, type Program } from './jinja/syntax.ts';
import { Callable, type Value, written } from './jinja/values.ts';

/** The values that a template needs besides the turns. */
interface ChatOptions {
  /** Whether the text should end where the assistant's answer begins. */
  readonly addGenerationPrompt: boolean;
  /** Special tokens as they are written. */
  readonly tokens: Readonly<Record<string, string | null>>;
  /** Whether answers hold thoughts, in templates that ask (`enable_thinking`); undefined leaves it to the template. */
  readonly thinking?: boolean | undefined;
}

// Those of the largest published models have 30,000 characters.
const MAX_TEMPLATE = 131_072;
/** Characters of a date's format, and of a template's own message. */
const MAX_WORDS = 1000;

/** A model's chat template: https://huggingface.co/docs/transformers/chat_templating. */
export class ChatTemplate {
  readonly #program: Program;
  readonly #now: Date;

  private constructor(program: Program, now: Date) {
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
    const library = await import('@huggingface/jinja');
    try {
      return new ChatTemplate(parseTemplate(library, source), now);
    } catch (cause) {
      throw templateFailed(messageOf(cause), cause);
    }
  }

  /**
   * The text of a conversation: that of `apply_chat_template`, or an error.
   *
   * @throws GorpError `settings/template-failed` if the template refuses it, fails, does what is not known here, or exceeds
   *   a limit.
   */
  render(turns: readonly ChatTurn[], { addGenerationPrompt, tokens, thinking }: ChatOptions): string {
    const variables: Record<string, Value> = {
      raise_exception: new Callable(({ args }) => {
        throw new Error(written(args[0]).slice(0, MAX_WORDS));
      }),
      strftime_now: new Callable(({ args }) => formatDate(this.#now, written(args[0]))),
      messages: turns.map((turn) => new Map(Object.entries(turn))),
      add_generation_prompt: addGenerationPrompt,
      tools: null,
      documents: null,
      ...(thinking !== undefined && { enable_thinking: thinking }),
      ...Object.fromEntries(Object.entries(tokens).filter(([, token]) => token !== null)),
    };
    try {
      return render(this.#program, new Map(Object.entries(variables)));
    } catch (cause) {
      throw templateFailed(messageOf(cause), cause);
    }
  }
}

/** Python's strftime, as far as templates use it. @throws Error for a part that is not known. */
function formatDate(now: Date, format: string): string {
  if (format.length > MAX_WORDS) throw new Error('the format of its date is too long');
  const named = (options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat('en-US', options).format(now);
  const two = (value: number): string => String(value).padStart(2, '0');
  const parts: Record<string, () => string> = {
    Y: () => String(now.getFullYear()),
    y: () => two(now.getFullYear() % 100),
    m: () => two(now.getMonth() + 1),
    d: () => two(now.getDate()),
    b: () => named({ month: 'short' }),
    B: () => named({ month: 'long' }),
    a: () => named({ weekday: 'short' }),
    A: () => named({ weekday: 'long' }),
    H: () => two(now.getHours()),
    I: () => two(now.getHours() % 12 || 12),
    M: () => two(now.getMinutes()),
    S: () => two(now.getSeconds()),
    p: () => (now.getHours() < 12 ? 'AM' : 'PM'),
    '%': () => '%',
  };
  return format.replace(/%([^])?/gu, (part, letter: string | undefined) => {
    if (letter !== undefined && Object.hasOwn(parts, letter)) return parts[letter]();
    throw new Error(`its date has ${part}`);
  });
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
