import { describe, expect, it } from 'vitest';
import { exportedConversations } from './chat-export.ts';
import { type Conversation, readConversation } from './conversation.ts';

const [user, assistant] = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello.' },
];

/** Reads the only conversation of an export. */
function readOnly(json: unknown, column: string): Conversation {
  const [row] = exportedConversations(json) ?? [];
  return readConversation(JSON.stringify(row[column]));
}

describe('an export of ChatGPT', () => {
  type Node = { parent: string | null; children: string[]; message: object | null };
  const said = (role: string, text: string, more: object = {}): object => ({
    author: { role },
    content: { content_type: 'text', parts: [text] },
    recipient: 'all',
    metadata: {},
    ...more,
  });
  /** A conversation of messages after each other, from an empty root. */
  const conversation = (messages: object[], more: Record<string, Node> = {}): object => {
    const mapping: Record<string, Node> = { root: { parent: null, children: ['0'], message: null }, ...more };
    messages.forEach((message, i) => {
      const children = i + 1 < messages.length ? [`${i + 1}`] : [];
      mapping[`n${i}`] = { parent: i > 0 ? `n${i - 1}` : 'root', children, message };
    });
    return { title: 'A talk', create_time: 1.5, mapping, current_node: `n${messages.length - 1}` };
  };
  const read = (...messages: object[]): Conversation => readOnly([conversation(messages)], 'mapping');
  const answered = [said('user', 'Hi'), said('assistant', 'Hello.')];

  it('is a row for each conversation, with its title', () => {
    const rows = exportedConversations([conversation(answered), conversation([])]);
    expect(rows).toMatchObject([{ title: 'A talk' }, { title: 'A talk', mapping: [] }]);
    expect(exportedConversations(conversation(answered)), 'one conversation by itself').toHaveLength(1);
  });

  it('has the turns that were shown, without hidden ones and thoughts', () => {
    const hidden = { metadata: { is_visually_hidden_from_conversation: true } };
    const thoughts = { author: { role: 'assistant' }, content: { content_type: 'thoughts', thoughts: [] } };
    const context = { author: { role: 'user' }, content: { content_type: 'user_editable_context' } };
    const spoken = {
      ...said('user', ''),
      content: { content_type: 'multimodal_text', parts: [{ content_type: 'audio_transcription', text: 'Hi' }] },
    };
    const empty = said('assistant', '');
    const messages = [said('system', ''), said('system', 'Be brief.', hidden), context, spoken, thoughts, empty];
    expect(read(...messages, said('assistant', 'Hello.'))).toEqual({ turns: [user, assistant] });
  });

  it('has the branch that was shown last, not answers that were replaced', () => {
    const replaced: Node = { parent: 'n0', children: [], message: said('assistant', 'Go away.') };
    const branched = conversation(answered, { replaced });
    expect(readOnly([branched], 'mapping')).toEqual({ turns: [user, assistant] });
    expect(readOnly([{ ...branched, current_node: 'replaced' }], 'mapping')).toEqual({
      turns: [user, { role: 'assistant', content: 'Go away.' }],
    });
    expect(readOnly([{ ...branched, current_node: null }], 'mapping'), 'its last leaf').toEqual({
      turns: [user, assistant],
    });
  });

  it('ends where the tree is broken', () => {
    const loop = conversation(answered) as { mapping: Record<string, Node> };
    loop.mapping['n0'].parent = 'n1';
    expect(readOnly([loop], 'mapping')).toEqual({ turns: [user, assistant] });
    loop.mapping['n0'].parent = 'constructor';
    expect(readOnly([loop], 'mapping')).toEqual({ turns: [user, assistant] });
  });

  it.each<[string, object[]]>([
    ['tool calls', [said('user', 'Hi'), said('assistant', 'x', { recipient: 'python' }), said('assistant', 'a')]],
    ['tool calls', [said('user', 'Hi'), said('tool', 'found'), said('assistant', 'a')]],
    [
      'attached files',
      [said('user', 'Hi', { metadata: { attachments: [{ name: 'a.pdf' }] } }), said('assistant', 'a')],
    ],
    [
      'images or sounds',
      [
        { ...said('user', ''), content: { content_type: 'multimodal_text', parts: [{ asset_pointer: 'file' }, 'Hi'] } },
        said('assistant', 'a'),
      ],
    ],
  ])('leaves out conversations with %s', (skip, messages) => {
    expect(read(...messages)).toEqual({ skip });
  });
});

describe('an export of Claude', () => {
  const conversation = (...messages: object[]): object => ({ uuid: 'c', name: 'A talk', chat_messages: messages });
  const said = (sender: string, text: string, more: object = {}): object => ({
    uuid: text,
    sender,
    text,
    content: [{ type: 'text', text }],
    attachments: [],
    files: [],
    ...more,
  });
  const answered = [said('human', 'Hi'), said('assistant', 'Hello.')];
  const read = (...messages: object[]): Conversation => readOnly([conversation(...messages)], 'chat_messages');

  it('has the turns, from their blocks or, in older exports, their texts', () => {
    expect(exportedConversations([conversation(...answered)])).toMatchObject([{ name: 'A talk' }]);
    const thinking = [
      { type: 'thinking', thinking: 'Be kind.' },
      { type: 'text', text: 'Hello.' },
    ];
    const older = { sender: 'human', text: 'Hi' };
    expect(read(older, said('assistant', '', { content: thinking }))).toEqual({ turns: [user, assistant] });
  });

  it('has the branch of the last message, where messages name their parents', () => {
    const [first, second] = answered;
    const edited = said('human', 'Hello?', { parent_message_uuid: 'root' });
    const other = said('assistant', 'Yes?', { parent_message_uuid: 'Hello?' });
    expect(
      read({ ...first, parent_message_uuid: 'root' }, { ...second, parent_message_uuid: 'Hi' }, edited, other),
    ).toEqual({
      turns: [
        { role: 'user', content: 'Hello?' },
        { role: 'assistant', content: 'Yes?' },
      ],
    });
  });

  it.each<[string, object]>([
    ['tool calls', { content: [{ type: 'tool_use', name: 'web', input: {} }] }],
    ['attached files', { attachments: [{ file_name: 'a.txt', extracted_content: 'text' }] }],
    ['attached files', { files: [{ file_name: 'a.png' }] }],
  ])('leaves out conversations with %s', (skip, more) => {
    expect(read(said('human', 'Hi', more), said('assistant', 'a'))).toEqual({ skip });
  });
});

it('takes no other file for an export', () => {
  for (const json of [
    [],
    [1],
    {},
    [{ text: 'a', mapping: {} }],
    [{ text: 'a', mapping: { x: 1 } }],
    [{ text: 'a', chat_messages: [] }],
    [{ text: 'a', chat_messages: ['x'] }],
    [{ messages: [user, assistant] }],
  ])
    expect(exportedConversations(json), JSON.stringify(json)).toBeNull();
});
