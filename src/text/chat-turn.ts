/** A turn of a conversation, as chat templates expect it. */
export interface ChatTurn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

const NAMES = { system: 'System', user: 'User', assistant: 'Assistant' } as const;

/**
 * A conversation as plain text, for models without a chat template: a line per turn, `User: …`, `Assistant: …`. It ends
 * where the assistant's answer begins.
 */
export const plainChat = (turns: readonly ChatTurn[]): string =>
  `${turns.map(({ role, content }) => `${NAMES[role]}: ${content}\n`).join('')}Assistant:`;
