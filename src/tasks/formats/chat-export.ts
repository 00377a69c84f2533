/**
 * Conversations as the exports of ChatGPT (`mapping`, a tree of messages) and of Claude (`chat_messages`) hold them, with
 * their messages as lists of `role` and `content`, which {@link readConversation} reads. Neither format is documented by
 * those who make it: what is unknown here is left out there, with a reason.
 */

type Fields = Readonly<Record<string, unknown>>;

interface Part {
  readonly type: string;
  readonly text?: string;
}

/** A message of OpenAI's form. Parts that are no text make its conversation left out. */
interface Message {
  readonly role: string;
  readonly content: string | readonly Part[];
}

/** Texts as one; as they are, if there are other parts. */
const contentOf = (parts: readonly Part[]): Message['content'] =>
  parts.every(({ text }) => text !== undefined) ? parts.map(({ text }) => text).join('\n') : parts;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Columns with the messages of a conversation. */
const EXPORTS = {
  mapping: {
    isIn: ({ mapping }: Fields): boolean => {
      const isTree = typeof mapping === 'object' && mapping !== null && !Array.isArray(mapping);
      const nodes = Object.values(fieldsOf(mapping)).map(fieldsOf);
      return isTree && nodes.every((node) => 'message' in node || 'children' in node);
    },
    messagesOf: chatGptMessages,
    title: 'title',
  },
  chat_messages: {
    isIn: ({ chat_messages: list }: Fields): boolean =>
      Array.isArray(list) && list.every((message) => 'sender' in fieldsOf(message)),
    messagesOf: claudeMessages,
    title: 'name',
  },
} as const;

/** The conversations of an export as rows with a title and a list of messages; null if parsed JSON is no export. */
export function exportedConversations(json: unknown): Fields[] | null {
  const conversations = (Array.isArray(json) ? (json as unknown[]) : [json]).map(fieldsOf);
  if (conversations.length === 0) return null;
  for (const [column, { isIn, messagesOf, title }] of Object.entries(EXPORTS)) {
    if (!conversations.every(isIn)) continue;
    const found = conversations.map((one) => ({ title: textOf(one[title]), messages: messagesOf(one) }));
    if (!found.some(({ messages }) => messages.length > 0)) continue;
    return found.map((one) => ({ [title]: one.title, [column]: one.messages }));
  }
  return null;
}

/** The kinds of content that a model thought or was told beside the conversation. */
const UNSAID = new Set(['thoughts', 'reasoning_recap', 'user_editable_context', 'model_editable_context']);

/** The messages that ChatGPT shows: the branch that ends at `current_node`, without hidden ones. */
function chatGptMessages({ mapping, current_node: current }: Fields): Message[] {
  const nodes = fieldsOf(mapping);
  const leaves = Object.keys(nodes).filter((id) => listOf(fieldsOf(nodes[id])['children']).length === 0);
  const end = typeof current === 'string' && Object.hasOwn(nodes, current) ? current : leaves.at(-1);
  return branch(end, (id) => fieldsOf(nodes[id])['parent']).flatMap((id): Message[] => {
    const message = fieldsOf(fieldsOf(nodes[id])['message']);
    const [content, metadata] = [fieldsOf(message['content']), fieldsOf(message['metadata'])];
    const role = textOf(fieldsOf(message['author'])['role']);
    const type = textOf(content['content_type']);
    const isHidden = metadata['is_visually_hidden_from_conversation'] === true || UNSAID.has(type);
    if (isHidden || role === '' || role === 'system') return [];
    const isToTool = !['', 'all'].includes(textOf(message['recipient']));
    if (role === 'tool' || isToTool) return [{ role: 'tool', content: '' }];
    const parts = typeof content['text'] === 'string' ? [content['text']] : listOf(content['parts']);
    const files = listOf(metadata['attachments']).map(() => ({ type: 'file' }));
    const said = parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : heard(fieldsOf(part))));
    const isEmpty = files.length === 0 && said.every(({ text }) => text?.trim() === '');
    return isEmpty ? [] : [{ role, content: contentOf([...said, ...files]) }];
  });
}

/** A part that is no plain text: what was spoken has a text too. */
const heard = ({ content_type: type, text }: Fields): Part =>
  type === 'audio_transcription' && typeof text === 'string' ? { type: 'text', text } : { type: 'image' };

/** The messages that Claude shows: where they name their parents, the branch that ends at the last. */
function claudeMessages({ chat_messages: list }: Fields): Message[] {
  const messages: Fields[] = listOf(list).map(fieldsOf);
  const byId = new Map(messages.map((message) => [message['uuid'], message]));
  const parentOf = (id: string): unknown => byId.get(id)?.['parent_message_uuid'];
  const isTree = messages.some(({ parent_message_uuid: id }) => typeof id === 'string' && byId.has(id));
  const last = textOf(messages.at(-1)?.['uuid']);
  const shown = isTree
    ? branch(last, parentOf)
        .filter((id) => byId.has(id))
        .map((id) => fieldsOf(byId.get(id)))
    : messages;
  return shown.map((message): Message => {
    const blocks = listOf(message['content']).map(fieldsOf);
    const said = blocks
      .filter(({ type }) => !/thinking/.test(textOf(type)))
      .map(({ type, text }) =>
        type === 'text' && typeof text === 'string' ? { type, text } : { type: textOf(type) || 'unknown' },
      );
    const files = [...listOf(message['attachments']), ...listOf(message['files'])].map(() => ({ type: 'file' }));
    const text = said.length > 0 ? said : [{ type: 'text', text: textOf(message['text']) }];
    return { role: textOf(message['sender']), content: contentOf([...text, ...files]) };
  });
}

/** The ids from a root to a leaf, by their parents. Ends where a parent is unknown, or one repeats. */
function branch(leaf: string | undefined, parentOf: (id: string) => unknown): string[] {
  const ids = new Set<string>();
  for (let id: unknown = leaf; typeof id === 'string' && !ids.has(id); id = parentOf(id)) ids.add(id);
  return [...ids].reverse();
}
