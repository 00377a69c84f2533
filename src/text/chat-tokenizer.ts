import { GorpError } from '../base/errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { ChatTurn } from './chat-turn.ts';
import { checkPromptLength } from './prompt-length.ts';
import type { Tokenizer } from './tokenizer.ts';

// Stand-ins for a prompt and an answer while a template is examined.
const [PROMPT, ANSWER, SYSTEM] = ['somebody asks', 'somebody answers', 'somebody explains'];
/** How templates write special tokens: `<|im_end|>`, `<start_of_turn>`, `</s>`. */
const WRITTEN = /<\|[^|<>\s]+\|>|<\/?[a-z_]+>/g;

/**
 * A tokenizer that encodes prompts as a chat template renders them: the prompt is the user's turn, the label the
 * assistant's, which ends with the template's own token.
 *
 * @throws GorpError `settings/template-failed`; `settings/template-tokens` if the template writes a special token that
 *   the tokenizer lacks, or ends an answer without one.
 */
export function chatTokenizer(tokenizer: Tokenizer, template: ChatTemplate): Tokenizer {
  const { written: tokens } = tokenizer;
  const render = (turns: ChatTurn[], addGenerationPrompt: boolean): string =>
    template.render(turns, { addGenerationPrompt, tokens });
  const user: ChatTurn = { role: 'user', content: PROMPT };
  const asked = render([user], true);
  /** What follows the prompt if this is the answer, including the end of the turn. */
  const answered = (content: string): string => {
    const whole = render([user, { role: 'assistant', content }], false);
    if (whole.startsWith(asked)) return whole.slice(asked.length);
    // Some templates write an empty thought before an answer to come, and none before a given answer.
    const at = whole.lastIndexOf(content.trim());
    if (at < 0) throw missing('it omits the answer');
    return whole.slice(at);
  };

  const probe = answered(ANSWER);
  if (!probe.includes(ANSWER)) throw missing('it omits the answer');
  for (const [token] of (asked + probe).matchAll(WRITTEN)) {
    if (tokenizer.encode(token).length !== 1) throw missing(`it writes ${token}, which the tokenizer lacks`);
  }
  const after = tokenizer.encode(probe.slice(probe.indexOf(ANSWER) + ANSWER.length));
  const endId = after.find((id) => tokenizer.isSpecial(id));
  if (endId === undefined) throw missing('no special token marks the end of an answer');

  let systemTaken: boolean | undefined;
  /** Whether the template writes a system's turn rather than refuse or omit it. */
  const takesSystem = (): boolean => {
    if (systemTaken !== undefined) return systemTaken;
    try {
      systemTaken = render([{ role: 'system', content: SYSTEM }, user], true).includes(SYSTEM);
    } catch {
      systemTaken = false;
    }
    return systemTaken;
  };

  const labels = new Map<string, number[]>();
  return {
    ...tokenizer,
    raw: tokenizer,
    eosId: endId,
    encodeTurns: (turns) => {
      for (const { content } of turns) checkPromptLength(content);
      const rendered = render(takesSystem() ? [...turns] : withoutSystem(turns), true);
      if (!turns.every(({ content }) => rendered.includes(spoken(content)))) throw missing('it cuts or changes turns');
      return tokenizer.encode(rendered);
    },
    encodePrompt: (text) => {
      checkPromptLength(text);
      const rendered = render([{ role: 'user', content: text }], true);
      if (!rendered.includes(text.trim())) throw missing('it cuts or changes the prompt');
      return tokenizer.encode(rendered);
    },
    encodeLabel: (label) => {
      const known = labels.get(label);
      if (known) return known;
      const [whole, front] = [tokenizer.encode(asked + answered(label)), tokenizer.encode(asked)];
      // Encode the label after its prompt if that leaves the prompt's tokens unchanged.
      const isPlain = front.every((id, i) => whole[i] === id);
      const ids = isPlain ? whole.slice(front.length) : tokenizer.encode(answered(label));
      const end = ids.lastIndexOf(endId);
      const found = ids.slice(0, end < 0 ? ids.length : end);
      labels.set(label, found);
      return found;
    },
  };
}

/** What templates write of a turn: some leave out what the model thought before it answered. */
const spoken = (content: string): string => (content.split('</think>').at(-1) ?? '').trim();

/** The turns with the system's put before the first user's, for templates that know no system. */
function withoutSystem(turns: readonly ChatTurn[]): ChatTurn[] {
  const [first, second, ...rest] = turns;
  if (first?.role !== 'system' || second === undefined) return [...turns];
  return [{ ...second, content: `${first.content}\n\n${second.content}` }, ...rest];
}

const missing = (what: string): GorpError =>
  new GorpError(
    'settings/template-tokens',
    `The model's chat template does not fit its tokenizer: ${what}.`,
    'Choose raw prompts, or use a tokenizer and a template from the same model.',
  );
