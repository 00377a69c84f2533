import { expect, it } from 'vitest';
import { makeCustomTask } from '../custom-task.ts';
import { likelySpec } from '../likely-spec.ts';
import { previewOf } from '../preview.ts';
import { readTableFile, tableOf } from '../table.ts';

const history = [['What is the largest city of France?', 'Paris.']];
const rows = Array.from({ length: 6 }, (_, i) => ({
  instruction: `And the second largest? (${i})`,
  input: i === 0 ? 'In one word.' : '',
  output: `Marseille ${i}`,
  system: 'You are a geographer.',
  history: i === 1 ? [] : history,
  source: 'atlas',
}));

const open = async (content: unknown) => {
  const file = await readTableFile('a.json', new TextEncoder().encode(JSON.stringify(content)));
  const preview = previewOf(file, true, null);
  const make = () => makeCustomTask(tableOf(file, true), likelySpec(file, preview, [])).task;
  return { file, preview, make };
};

it('the system’s prompt and earlier turns of an Alpaca file are learned, and other columns named', async () => {
  const { preview, make } = await open(rows);
  expect([preview.format, preview.form, preview.found?.examples]).toEqual(['Alpaca', 'chat', 11]);
  expect(preview.warnings).toEqual(['A column is not learned: source.']);
  const all = make().train.concat(make().test);
  const system = { role: 'system', content: 'You are a geographer.' };
  const earlier = [{ role: 'user', content: history[0][0] }, { role: 'assistant', content: history[0][1] }]; // oxfmt-ignore
  expect(all.find(({ label }) => label === 'Marseille 0')?.turns).toEqual([
    ...[system, ...earlier, { role: 'user', content: 'And the second largest? (0)\nIn one word.' }],
  ]);
  expect(all.find(({ label }) => label === 'Marseille 1')?.turns).toEqual([
    ...[system, { role: 'user', content: 'And the second largest? (1)' }],
  ]);
});

it('a history of another form leaves its row out', async () => {
  const { preview } = await open(rows.map((row, i) => (i === 2 ? { ...row, history: [['only a prompt']] } : row)));
  expect(preview.warnings[0]).toMatch(/^One row left out: .* \(row 3\)/);
});

it('an Alpaca file without them stays as it is', async () => {
  const { preview } = await open(rows.map((row) => ({ ...row, system: '', history: [] })));
  expect([preview.form, preview.textColumn, preview.inputColumn]).toEqual(['free', 'instruction', 'input']);
});

it('the system’s prompt beside a conversation begins it, unless a turn does; rows with tools are left out', async () => {
  const say = (from: string, value: string): object => ({ from, value });
  const talk = [say('human', 'hi'), say('gpt', 'yo')];
  const { preview, make } = await open([
    ...Array.from({ length: 6 }, (_, i) => ({ conversations: [say('human', `hi ${i}`), talk[1]], system: 'Be a pirate.', tools: '' })), // oxfmt-ignore
    { conversations: [say('system', 'Be brief.'), ...talk], system: 'Be a pirate.', tools: '' },
    { conversations: talk, system: '', tools: '[{"name":"search"}]' },
  ]);
  expect(preview.warnings).toEqual(['One row left out: tool calls (row 8).']);
  const first = make().train.concat(make().test).map(({ turns = [] }) => turns[0]); // oxfmt-ignore
  expect(first.map(({ content }) => content).toSorted()).toEqual(['Be a pirate.', 'Be a pirate.', 'Be a pirate.', 'Be a pirate.', 'Be a pirate.', 'Be a pirate.', 'Be brief.']); // oxfmt-ignore
});
