import { expect, it } from 'vitest';
import { readConversation } from './conversation.ts';

const read = (turns: unknown) => readConversation(JSON.stringify(turns));
const user = { role: 'user', content: 'Hi' };
const assistant = { role: 'assistant', content: 'Hello.' };

it('reads roles of Hugging Face, OpenAI and ShareGPT, and parts of text', () => {
  const expected = { turns: [{ role: 'system', content: 'Be brief.' }, user, assistant] };
  expect(read([{ role: 'developer', content: 'Be brief.' }, user, assistant])).toEqual(expected);
  const shared = [
    { from: 'system', value: 'Be brief.' },
    { from: 'human', value: 'Hi' },
    { from: 'gpt', value: ' Hello.\n' },
  ];
  expect(read(shared)).toEqual(expected);
  for (const part of [
    { type: 'text', text: 'Hi' },
    { type: 'text', value: 'Hi' },
  ])
    expect(read([{ role: 'user', content: [part], loss_weight: 0 }, assistant])).toEqual({ turns: [user, assistant] });
});

it('reads an answer that stands beside its conversation', () => {
  const answer = JSON.stringify({ from: 'gpt', value: 'Hello.' });
  expect(readConversation(JSON.stringify([user]), answer)).toEqual({ turns: [user, assistant] });
  expect(readConversation(JSON.stringify([user, assistant]), answer)).toEqual({ skip: 'roles out of order' });
  // Anything else beside it is no turn: a text, or another conversation.
  for (const other of ['Hello.', '{Hello.}', '', JSON.stringify([user, assistant])]) {
    expect(readConversation(JSON.stringify([user, assistant]), other)).toEqual({ turns: [user, assistant] });
    expect(readConversation(JSON.stringify([user]), other)).toEqual({ skip: 'no answer of the assistant' });
  }
});

it('leaves out turns after the last answer', () => {
  expect(read([user, assistant, user])).toEqual({ turns: [user, assistant] });
});

it.each<[string, unknown]>([
  ['no turns', []],
  ['no turns', 'text'],
  ['no answer of the assistant', [user]],
  ...['reasoning_content', 'thinking', 'reasoning'].map((field): [string, unknown[]] => [
    'thoughts outside the content',
    [user, { ...assistant, [field]: 'Hm.' }],
  ]),
  ['roles out of order', [assistant, user, assistant]],
  ['roles out of order', [user, user, assistant]],
  ['roles out of order', [user, { role: 'system', content: 'x' }, assistant]],
  ['empty turns', [{ role: 'user', content: ' ' }, assistant]],
  ['tool calls', [user, { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] }]],
  ['tool calls', [user, assistant, { role: 'tool', content: '3' }, assistant]],
  ['answers with a weight of 0', [user, { role: 'assistant', content: 'a', weight: 0 }]],
  ['answers with a weight of 0', [user, { role: 'assistant', content: 'a', loss_weight: 0 }]],
  ['images or sounds', [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }, assistant]],
  ['attached files', [{ role: 'user', content: [{ type: 'file', file: {} }] }, assistant]],
  ['parts that are no text', [user, { role: 'assistant', content: [{ type: 'reasoning', value: 'x' }] }]],
  ['an unknown role “narrator”', [{ role: 'narrator', content: 'x' }]],
  ['turns without a role', [{ content: 'x' }]],
  ['turns that are no objects', ['x']],
])('says why a conversation cannot be learned: %s', (why, turns) => {
  expect(read(turns)).toEqual({ skip: why });
});

it('says that a cell is not JSON, or empty', () => {
  expect(readConversation("[{'role': 'user'}]")).toEqual({ skip: 'turns that are not JSON' });
  expect(readConversation(' ')).toEqual({ skip: 'no turns' });
});
