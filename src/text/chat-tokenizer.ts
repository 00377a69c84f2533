import { GorpError } from '../base/errors.ts';
import type { ChatTemplate, ChatTurn } from './chat-template.ts';
import type { Tokenizer } from './tokenizer.ts';

// What stands for a prompt and an answer while a template is looked at.
const [PROMPT, ANSWER] = ['somebody asks', 'somebody answers'];
/** How templates write special tokens: `<|im_end|>`, `<start_of_turn>`, `</s>`. */
const WRITTEN = /<\|[^|<>\s]+\|>|<\/?[a-z_]+>/g;

/**
 * A tokenizer that reads prompts as a chat template renders them: the prompt is the user's turn, a label the assistant's,
 * which ends with the template's own token.
 *
 * @throws GorpError `settings/template-failed`; `settings/template-tokens` when the template writes a special token that the
 *   tokenizer does not have, or ends an answer with none.
 */
export function chatTokenizer(tokenizer: Tokenizer, template: ChatTemplate): Tokenizer {
  const { written: tokens } = tokenizer;
  const render = (turns: ChatTurn[], addGenerationPrompt: boolean): string =>
    template.render(turns, { addGenerationPrompt, tokens });
  const user: ChatTurn = { role: 'user', content: PROMPT };
  const asked = render([user], true);
  /** What follows the prompt when this is the answer, the end of the turn included. */
  const answered = (content: string): string => {
    const whole = render([user, { role: 'assistant', content }], false);
    if (whole.startsWith(asked)) return whole.slice(asked.length);
    // Some templates write an empty thought where an answer is to begin, and leave it out where one was given.
    const at = whole.lastIndexOf(content.trim());
    if (at < 0) throw missing('it leaves the answer out');
    return whole.slice(at);
  };

  const probe = answered(ANSWER);
  for (const [token] of (asked + probe).matchAll(WRITTEN)) {
    if (tokenizer.encode(token).length !== 1) throw missing(`it writes ${token}, which the tokenizer has no token for`);
  }
  const after = tokenizer.encode(probe.slice(probe.indexOf(ANSWER) + ANSWER.length));
  const endId = after.find((id) => tokenizer.isSpecial(id));
  if (endId === undefined) throw missing('it ends an answer with no special token, so nobody would know where it ends');

  const labels = new Map<string, number[]>();
  return {
    ...tokenizer,
    eosId: endId,
    encodePrompt: (text) => tokenizer.encode(render([{ role: 'user', content: text }], true)),
    encodeLabel: (label) => {
      const known = labels.get(label);
      if (known) return known;
      const [whole, front] = [tokenizer.encode(asked + answered(label)), tokenizer.encode(asked)];
      // As it is written after a prompt, where the prompt's tokens stay what they are.
      const isPlain = front.every((id, i) => whole[i] === id);
      const ids = isPlain ? whole.slice(front.length) : tokenizer.encode(answered(label));
      const end = ids.lastIndexOf(endId);
      const found = ids.slice(0, end < 0 ? ids.length : end);
      labels.set(label, found);
      return found;
    },
  };
}

const missing = (what: string): GorpError =>
  new GorpError(
    'settings/template-tokens',
    `The model's chat template and its tokenizer do not belong together: ${what}.`,
    'Choose raw prompts, or take tokenizer and template from the same model.',
  );
