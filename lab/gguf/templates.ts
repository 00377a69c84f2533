/**
 * Writes what the Modelfiles of models say, and what training writes, for templates.go to compare in Go:
 *
 *   node tools/run.mjs lab/gguf/templates.ts embedded-llama FOLDER … | go run lab/gguf/templates.go
 */
import { joined } from '../../src/base/pieces.ts';
import { openNamedTexts } from '../../src/cli/named-models.ts';
import { readForms, recipes } from '../../src/gguf/modelfile.ts';
import { promptOf } from '../../src/tasks/prompt.ts';
import type { TaskDefinition } from '../../src/tasks/task.ts';
import { templateOf } from '../../src/text/chat-template.ts';
import { type ChatTurn, plainChat } from '../../src/text/chat-turn.ts';

const MAILS: TaskDefinition = {
  name: 'mails',
  kind: 'TC',
  labels: ['billing', 'travel & more'],
  instruction: 'Which {{ department }} answers “this”?\t`"""`\n',
};
const NOTES: TaskDefinition = {
  name: 'notes',
  kind: 'free',
  instruction: null,
  labels: [],
  form: 'free',
  frame: { before: '\u00a0Sum up {: ', after: '\nAnswer:' },
};
const CHATS: TaskDefinition = { name: 'chats', kind: 'chat', instruction: null, labels: [], form: 'chat' };
const user = (content: string): ChatTurn => ({ role: 'user', content });
const CONVERSATIONS: readonly ChatTurn[][] = [
  [user('my text')],
  [{ role: 'system', content: 'Be short.' }, user('Is it so? {{ .Prompt }} """ <|im_end|>')],
  [user('Is it so?'), { role: 'assistant', content: 'Yes.' }, user('Why?\nTell me.')],
];

export async function main(models: string[]): Promise<number> {
  const cases: object[] = [];
  for (const name of models) {
    const texts = await openNamedTexts(name);
    const promptForm = templateOf(texts.tokenizerConfig, await texts.chatTemplate()) === null ? 'raw' : 'chat';
    const forms = await readForms(texts, { promptForm });
    const { tokenizer } = forms.asked;
    const begin = (forms.raw.tokenizer.encodePrompt('').length > 0 && forms.asked.tokenizer.written.bos_token) || '';
    const asking = { promptForm, maxNewTokens: 8, tasks: [MAILS, NOTES, CHATS] } as const;
    const files = recipes(forms, asking, { model: 'model.gguf' });
    for (const { path, content } of files.filter((file) => file.path.startsWith('Modelfile'))) {
      const text = new TextDecoder().decode(await joined(content()));
      const [, template = ''] = /TEMPLATE """(.*)"""\nPARAMETER stop/s.exec(text) ?? [];
      const task = [MAILS, NOTES].find((one) => path.endsWith(`.${one.name}`));
      for (const [i, turns] of CONVERSATIONS.entries()) {
        const prompt = task && promptOf(task, turns.at(-1)?.content ?? '');
        const said = prompt === undefined ? turns : [user(prompt)];
        const expected = tokenizer.promptText?.(said) ?? prompt ?? plainChat(said);
        const written = expected.startsWith(begin) ? expected.slice(begin.length) : expected;
        const messages = turns.map(({ role, content }) => ({ Role: role, Content: content }));
        cases.push({ Name: `${name} ${path} ${i}`, Template: template, Turns: messages, Expected: written });
      }
    }
  }
  process.stdout.write(JSON.stringify(cases));
  return 0;
}
