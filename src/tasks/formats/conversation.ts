import type { ChatTurn } from '../../text/chat-turn.ts';

const ROLES: Readonly<Record<string, ChatTurn['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  human: 'user',
  prompter: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
  bot: 'assistant',
  chatbot: 'assistant',
  model: 'assistant',
};
const TOOLS = /^(tool|tools|function|function_call|tool_call|observation|ipython)$/;

/** The turns of a conversation, or why they cannot be learned: a plural for a count, such as `tool calls`. */
export type Conversation = { readonly turns: readonly ChatTurn[] } | { readonly skip: string };

const skip = (why: string): Conversation => ({ skip: why });

/**
 * Reads a conversation: a list of `role` and `content` (Hugging Face, OpenAI), or of `from` and `value` (ShareGPT).
 * Turns after the last answer are left out.
 *
 * @param cell the list as JSON.
 * @param beside a cell that may hold the last turn, an object as JSON (preference data of LLaMA-Factory). Ignored if it
 *   holds anything else, such as a whole conversation.
 * @param system the system's prompt in a cell of its own (LLaMA-Factory); one among the turns takes its place.
 */
export function readConversation(cell: string, beside = '', system = ''): Conversation {
  if (cell.trim() === '') return skip('no turns');
  let list: unknown;
  try {
    list = JSON.parse(cell);
  } catch {
    return skip('turns that are not JSON');
  }
  if (!Array.isArray(list) || list.length === 0) return skip('no turns');
  const turns: ChatTurn[] = [];
  for (const entry of [...(list as unknown[]), ...lastTurn(beside)]) {
    const turn = readTurn(entry);
    if (typeof turn === 'string') return skip(turn);
    turns.push(turn);
  }
  const end = turns.findLastIndex(({ role }) => role === 'assistant');
  if (end < 0) return skip('no answer of the assistant');
  const first: ChatTurn[] =
    system.trim() === '' || turns[0].role === 'system' ? [] : [{ role: 'system', content: system.trim() }];
  const known = [...first, ...turns.slice(0, end + 1)];
  const spoken = known[0].role === 'system' ? known.slice(1) : known;
  if (spoken.some(({ role }, i) => role !== (i % 2 === 0 ? 'user' : 'assistant'))) return skip('roles out of order');
  return known.some(({ content }) => content.trim() === '') ? skip('empty turns') : { turns: known };
}

/** The turn in a cell; none if it holds no object. */
function lastTurn(cell: string): object[] {
  if (!cell.trimStart().startsWith('{')) return [];
  try {
    return [JSON.parse(cell) as object];
  } catch {
    return [];
  }
}

function readTurn(entry: unknown): ChatTurn | string {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return 'turns that are no objects';
  const {
    role,
    from,
    content,
    value,
    reasoning_content: thoughts,
    thinking,
    reasoning,
    weight,
    loss_weight: lossWeight,
    tool_calls: calls,
    function_call: call,
  } = entry as Record<string, unknown>;
  const named = role ?? from;
  if (typeof named !== 'string') return 'turns without a role';
  if (TOOLS.test(named.toLowerCase()) || isFilled(calls) || isFilled(call)) return 'tool calls';
  if ([thoughts, thinking, reasoning].some((one) => isFilled(one) && one !== '')) return 'thoughts outside the content';
  const name = named.toLowerCase();
  if (!Object.hasOwn(ROLES, name)) return `an unknown role “${named.slice(0, 30)}”`;
  if (ROLES[name] === 'assistant' && (weight ?? lossWeight) === 0) return 'answers with a weight of 0';
  const text = textOf(content ?? value);
  return typeof text === 'string' ? { role: ROLES[name], content: text } : text.skip;
}

const isFilled = (value: unknown): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);

/** The text of a turn: a string, or parts of type `text`, whose text LLaMA-Factory calls `value`. */
function textOf(content: unknown): string | { skip: string } {
  if (typeof content === 'string') return content.trim();
  if (content === undefined || content === null) return '';
  if (!Array.isArray(content)) return { skip: 'turns without a text' };
  const texts: string[] = [];
  for (const part of content as unknown[]) {
    const { type, text, value } = (part ?? {}) as Record<string, unknown>;
    const said = text ?? (type === 'text' ? value : undefined);
    if (typeof said !== 'string') return { skip: reasonOf(typeof type === 'string' ? type : '') };
    texts.push(said);
  }
  return texts.join('\n').trim();
}

/** Why a part of a type is no text. */
function reasonOf(type: string): string {
  if (/tool/.test(type)) return 'tool calls';
  if (/file/.test(type)) return 'attached files';
  return /image|audio|video/.test(type) ? 'images or sounds' : 'parts that are no text';
}
