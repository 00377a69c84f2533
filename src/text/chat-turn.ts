/** A turn of a conversation, as chat templates expect it. */
export interface ChatTurn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

const BEGINS = /^(System|User|Assistant): ?/;

/**
 * The turns of a text as {@link plainChat} writes it, without the place of the answer. A text that does not begin so is
 * the turn of a user.
 */
export function turnsIn(text: string): ChatTurn[] {
  const turns: { role: ChatTurn['role']; lines: string[] }[] = [];
  for (const line of text.replace(/\nAssistant:\s*$/, '').split('\n')) {
    const [begin, name] = BEGINS.exec(line) ?? [];
    const role = name?.toLowerCase() as ChatTurn['role'] | undefined;
    if (role !== undefined && begin !== undefined) turns.push({ role, lines: [line.slice(begin.length)] });
    else if (turns.length === 0) turns.push({ role: 'user', lines: [line] });
    else turns[turns.length - 1].lines.push(line);
  }
  return turns.map(({ role, lines }) => ({ role, content: lines.join('\n') }));
}

const NAMES = { system: 'System', user: 'User', assistant: 'Assistant' } as const;

/**
 * A conversation as plain text, for models without a chat template: a line per turn, `User: …`, `Assistant: …`. It ends
 * where the assistant's answer begins.
 */
export const plainChat = (turns: readonly ChatTurn[]): string =>
  `${turns.map(({ role, content }) => `${NAMES[role]}: ${content}\n`).join('')}Assistant:`;
