import { GorpError } from '../base/errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { ChatTurn } from './chat-turn.ts';
import { endTrimmed } from './python-text.ts';
import { type Answered, checkPromptLength, type Tokenizer } from './tokenizer.ts';

// Stand-ins for a prompt, answers and instructions while a template is examined. The answers begin with different letters.
const [PROMPT, SYSTEM] = ['somebody asks', 'somebody explains'];
const [ANSWER, OTHER_ANSWER] = ['somebody answers', 'nobody answers'];
/** How templates write special tokens: `<|im_end|>`, `<start_of_turn>`, `</s>`. */
const WRITTEN = /<\|[^|<>\s]+\|>|<\/?[a-z_]+>/g;
/** How models write that a thought begins and ends. */
const [BEGINS_THOUGHT, ENDS_THOUGHT] = [
  /<(?:seed:)?think(?:ing)?>|<thought>|\[THINK\]/g,
  /<\/(?:seed:)?think(?:ing)?>|<\/thought>|\[\/THINK\]/,
];
const LAST_THOUGHT = new RegExp(`(?:${BEGINS_THOUGHT.source})\\s*(?:(?:${ENDS_THOUGHT.source})\\s*)?$`);
const THOUGHT_BEFORE = new RegExp(`(?:${ENDS_THOUGHT.source})\\s*$`);
/** Letters that the mark of a thought takes at most, with the spaces around it. */
const MARK = 64;
const DEPENDS = 'the tokens before an answer depend on the answer';
/** Letters per token at most, of what is tokenised of an answer, and the tokens beyond its limit that are looked at. */
const [LETTERS_PER_TOKEN, SPARE] = [32, 64];

/**
 * A tokenizer that encodes conversations as a chat template renders them. An answer to learn is rendered in its
 * conversation, and its tokens are those that follow what the template writes before any answer, up to the template's own
 * token that ends it. A prompt without an answer is rendered as before an answer without a thought.
 *
 * @throws GorpError `settings/template-failed`; `settings/template-tokens` if the template writes a special token that
 *   the tokenizer lacks, omits answers, ends them without a special token, or writes before them what depends on them.
 */
export function chatTokenizer(tokenizer: Tokenizer, template: ChatTemplate): Tokenizer {
  const { written: tokens } = tokenizer;
  /** A conversation up to its answer; if that is undefined, to where one begins. */
  const render = (turns: readonly ChatTurn[], answer: string | undefined, thinking: boolean): string => {
    const all = answer === undefined ? turns : [...turns, { role: 'assistant', content: answer } as const];
    return template.render(all, { addGenerationPrompt: answer === undefined, tokens, thinking });
  };
  const asking = (turns: readonly ChatTurn[], thinking: boolean): string => render(turns, undefined, thinking);
  const beforeAnswers = (turns: readonly ChatTurn[], thinking: boolean): string =>
    sharedStart(render(turns, ANSWER, thinking), render(turns, OTHER_ANSWER, thinking));
  /**
   * Where an answer can begin, the likeliest first: after what asks for one; after what is written before every answer
   * without a thought, where asking begins a thought that answers do not have; before a thought that asking begins; and
   * before the space that some tokens begin with.
   */
  const beginnings = [
    asking,
    beforeAnswers,
    (turns: readonly ChatTurn[], thinking: boolean): string => asking(turns, thinking).replace(LAST_THOUGHT, ''),
    (turns: readonly ChatTurn[], thinking: boolean): string => endTrimmed(beforeAnswers(turns, thinking)),
  ];

  const user: ChatTurn = { role: 'user', content: PROMPT };
  const whole = render([user], ANSWER, false);
  const at = whole.lastIndexOf(ANSWER);
  if (at < 0) throw missing('it omits the answer');
  for (const [token] of (asking([user], false) + whole).matchAll(WRITTEN)) {
    // Many models write thoughts as text.
    const isThought = token.search(BEGINS_THOUGHT) === 0 || ENDS_THOUGHT.test(token);
    if (!isThought && tokenizer.encode(token).length !== 1)
      throw missing(`it writes ${token}, which the tokenizer lacks`);
  }
  const after = whole.slice(at + ANSWER.length);
  const endId = tokenizer.encode(after).find((id) => tokenizer.isSpecial(id));
  if (endId === undefined) throw missing('no special token marks the end of an answer');
  // Prompts without an answer end where the likeliest answers begin.
  const toAnswer = (begin: (typeof beginnings)[number]): number[] =>
    tokensAfter(tokenizer, begin([user], false), whole) ?? [];
  const promptOf = beginnings.find((begin) => toAnswer(begin).includes(endId));
  if (promptOf === undefined) throw missing(DEPENDS);
  // What follows every answer, from the token that ends it.
  const answered = toAnswer(promptOf);
  const endIds = answered.slice(answered.indexOf(endId));

  let systemTaken: boolean | undefined;
  /** Whether the template writes a system's turn rather than refuse or omit it. */
  const takesSystem = (): boolean => {
    if (systemTaken !== undefined) return systemTaken;
    try {
      systemTaken = render([{ role: 'system', content: SYSTEM }, user], ANSWER, false).includes(SYSTEM);
    } catch {
      systemTaken = false;
    }
    return systemTaken;
  };
  const writable = (turns: readonly ChatTurn[]): readonly ChatTurn[] => {
    for (const { content } of turns) checkPromptLength(content);
    return takesSystem() ? turns : withoutSystem(turns);
  };
  const checkTurns = (turns: readonly ChatTurn[], written: string): void => {
    if (!turns.every(({ content }) => written.includes(spoken(content))))
      throw unfit(`it cuts or changes ${turns.length === 1 ? 'the prompt' : 'turns'}`);
  };

  /** An answer after its turns, rendered with thoughts or without; or why it cannot be learned so. */
  const answer = (
    turns: readonly ChatTurn[],
    content: string,
    most: number,
    thinking: boolean,
  ): Answered | GorpError => {
    const text = render(turns, content, thinking);
    checkTurns(turns, text);
    if (!text.endsWith(after)) return unfit('it ends an answer in another way than others');
    let failure = DEPENDS;
    for (const beginning of beginnings) {
      const begin = beginning(turns, thinking);
      if (!text.startsWith(begin)) continue;
      const written = text.slice(begin.length, text.length - after.length);
      const misfit = misfitOf(begin, written, content);
      const found = misfit === null ? encoded({ begin, written, content }, most) : null;
      if (found !== null) return found;
      failure = misfit ?? failure;
    }
    return unfit(failure);
  };
  /** The tokens of an answer, if those before it do not depend on it. */
  const encoded = (
    { begin, written, content }: { begin: string; written: string; content: string },
    most: number,
  ): Answered | null => {
    const source = tokenizer.encode(begin);
    // What asks for an answer may hold the beginning of its thought.
    const isWhole = squeezed(begin.slice(-MARK) + written).includes(squeezed(content));
    for (let letters = LETTERS_PER_TOKEN * (most + SPARE); letters < written.length; letters *= 2) {
      const front = written.slice(0, letters).replace(/[\ud800-\udbff]$/, '');
      const label = tokensAfter(tokenizer, begin, begin + front, source);
      if (label === null) return null;
      if (label.length > most + SPARE) return { source, label, written, isWhole };
    }
    const ids = tokensAfter(tokenizer, begin, begin + written + after, source);
    const end = (ids?.length ?? 0) - endIds.length;
    if (ids === null || end < 0 || endIds.some((id, i) => ids[end + i] !== id)) return null;
    return { source, label: ids.slice(0, end + 1), written, isWhole };
  };

  const encodeAnswered = (turns: readonly ChatTurn[], content: string, most: number): Answered => {
    const all = writable(turns);
    let failure: GorpError | undefined;
    for (const thinking of thinkingOf(content)) {
      const found = answer(all, content, most, thinking);
      if (!(found instanceof GorpError)) return found;
      failure ??= found;
    }
    throw failure ?? unfit('it omits the answer');
  };

  /** Returns the text up to where an answer begins. */
  const promptText = (turns: readonly ChatTurn[]): string => {
    const all = writable(turns);
    const text = promptOf(all, false);
    checkTurns(all, text);
    return text;
  };

  const labels = new Map<string, number[]>();
  return {
    ...tokenizer,
    raw: tokenizer,
    eosId: endId,
    promptText,
    encodeAnswered,
    encodeTurns: (turns) => tokenizer.encode(promptText(turns)),
    encodePrompt: (text) => tokenizer.encode(promptText([{ role: 'user', content: text }])),
    encodeLabel: (label) => {
      const known = labels.get(label);
      if (known) return known;
      const found = encodeAnswered([user], label, label.length + SPARE).label.slice(0, -1);
      labels.set(label, found);
      return found;
    },
  };
}

/** The ids of what follows the beginning of a text; null if the tokens of the beginning depend on it. */
function tokensAfter(
  { encode }: Pick<Tokenizer, 'encode'>,
  begin: string,
  text: string,
  front = encode(begin),
): number[] | null {
  if (!text.startsWith(begin)) return null;
  const ids = encode(text);
  return front.every((id, i) => ids[i] === id) ? ids.slice(front.length) : null;
}

/** Returns the text that two texts begin with. */
function sharedStart(one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return one.slice(0, at);
}

/** Whether to render with thoughts or without, in the order to try: an empty thought can be the template's own. */
function thinkingOf(answer: string): readonly boolean[] {
  const begins = answer.match(BEGINS_THOUGHT)?.length ?? 0;
  if (begins === 0 && !ENDS_THOUGHT.test(answer)) return [false];
  const thought = answer.split(ENDS_THOUGHT)[0].replaceAll(BEGINS_THOUGHT, '');
  return begins === 1 && ENDS_THOUGHT.test(answer) && thought.trim() === '' ? [false, true] : [true, false];
}

/** Why what a template writes of an answer cannot be learned; null if it can. */
function misfitOf(begin: string, written: string, content: string): string | null {
  if (written.trim() === '' || !written.includes(spoken(content)))
    return written.includes(spoken(content).slice(0, 1)) ? 'it cuts or changes the answer' : 'it omits the answer';
  const thoughts = (text: string): number => text.match(BEGINS_THOUGHT)?.length ?? 0;
  const hasThought = THOUGHT_BEFORE.test(begin);
  const most = Math.max(1, thoughts(content));
  return thoughts(written) + Number(hasThought) > most
    ? 'it writes a thought of its own before that of the answer'
    : null;
}

/** Returns the text that templates write of a turn: some leave out what the model thought before it answered. */
const spoken = (content: string): string => (content.split(ENDS_THOUGHT).at(-1) ?? '').trim();

const squeezed = (text: string): string => text.replaceAll(/\s+/g, '');

/** The turns with the system's put before the first user's, for templates that know no system. */
function withoutSystem(turns: readonly ChatTurn[]): readonly ChatTurn[] {
  const [first, second, ...rest] = turns;
  if (first?.role !== 'system' || second === undefined) return turns;
  return [{ ...second, content: `${first.content}\n\n${second.content}` }, ...rest];
}

const missing = (what: string): GorpError =>
  new GorpError(
    'settings/template-tokens',
    `The model's chat template does not fit its tokenizer: ${what}.`,
    'Choose raw prompts, or use a tokenizer and a template from the same model.',
  );

const unfit = (what: string): GorpError =>
  new GorpError(
    'settings/template-tokens',
    `The model's chat template does not fit this conversation: ${what}.`,
    'Change the conversation, choose raw prompts, or choose a model with another chat template.',
  );
