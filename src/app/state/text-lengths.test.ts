import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { TaskLengths, TextLengths } from '../../run/planning/text-lengths.ts';
import type { LengthsAnswer, PreviewCommand } from '../../worker/protocol.ts';
import { silentPage } from '../testing/markup.ts';
import { QUIET_MS } from './text-questions.ts';
import { concernsOf, roomText, usedBy } from '../form/StartFacts.tsx';
import { taughtModel } from '../testing/stores.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const task: TaskLengths = {
  name: 'reviews',
  texts: 200,
  counted: 200,
  cut: 12,
  longest: 150,
  mean: 80,
  question: 44,
  answer: 3,
  shortened: 0,
};
const lengths: TextLengths = { tasks: [task], hasTemplate: false, positions: null };

async function setUp() {
  const asked: { command: PreviewCommand; answer: (answer: LengthsAnswer) => void; cancelled: boolean }[] = [];
  const page = silentPage({
    askForLengths: (command, answer) => {
      const one = { command, answer, cancelled: false };
      asked.push(one);
      return () => (one.cancelled = true);
    },
  });
  await page.load();
  const quiet = (): unknown => vi.advanceTimersByTime(QUIET_MS);
  quiet();
  return { page, asked, quiet, state: () => page.store.getState() };
}

test('counts once the settings are quiet, not for settings that no count depends on, and never during a run', async () => {
  const { page, asked, quiet, state } = await setUp();
  expect(asked).toHaveLength(1);
  asked[0].answer({ type: 'counted', lengths });
  expect(state().lengths).toEqual({ status: 'counted', lengths });
  page.edit(({ training, ...rest }) => ({ ...rest, training: { ...training, batchSize: 4 } }));
  quiet();
  expect(asked).toHaveLength(1);
  page.edit(({ training, ...rest }) => ({ ...rest, training: { ...training, sourceLength: 64 } }));
  quiet();
  expect(asked).toHaveLength(2);
  page.edit(({ training, ...rest }) => ({ ...rest, training: { ...training, sourceLength: 96 } }));
  quiet();
  expect([asked.length, asked[1].cancelled], 'as counted before').toEqual([2, true]);
  expect(state().lengths).toEqual({ status: 'counted', lengths });
  page.edit(({ training, ...rest }) => ({ ...rest, training: { ...training, sourceLength: 64 } }));
  quiet();
  page.start();
  expect(asked[2].cancelled).toBe(true);
  quiet();
  expect([asked.length, state().lengths.status]).toEqual([3, 'none']);
});

test('a count stays during the run that reads its texts', async () => {
  const { page, asked, quiet, state } = await setUp();
  asked[0].answer({ type: 'counted', lengths });
  page.start();
  quiet();
  expect(state()).toMatchObject({ run: { status: 'starting' }, lengths: { status: 'counted', lengths } });
  expect(asked).toHaveLength(1);
});

test('a model that is removed is not downloaded again by a count that was allowed to ask before', async () => {
  const { page, asked, quiet } = await setUp();
  page.chooseModel('org/name');
  page.countTexts();
  expect(asked.at(-1)).toMatchObject({ command: { mayAsk: true }, cancelled: false });
  page.models.remove('https://hub.example/org/name/');
  expect(asked.at(-1)?.cancelled).toBe(true);
  quiet();
  expect(asked.at(-1)).toMatchObject({ command: { mayAsk: false }, cancelled: false });
});

test('shows the last count while the same texts are counted again, and none while others are', async () => {
  const { page, asked, quiet, state } = await setUp();
  asked[0].answer({ type: 'counted', lengths });
  page.edit(({ training, ...rest }) => ({ ...rest, training: { ...training, sourceLength: 64 } }));
  quiet();
  expect(state().lengths).toEqual({ status: 'counting', last: lengths });
  asked[1].answer({ type: 'counted', lengths });
  page.choosePreset('quick');
  expect(state().lengths).toEqual({ status: 'counting', last: null });
  quiet();
  expect(state().lengths).toEqual({ status: 'counting', last: null });
});

test('asks another server only when requested', async () => {
  const { page, asked, quiet, state } = await setUp();
  page.chooseModel('org/name');
  quiet();
  expect(asked[1].command).toMatchObject({ mayAsk: false, settings: { model: 'org/name' } });
  asked[1].answer({ type: 'elsewhere' });
  expect(state().lengths.status).toBe('elsewhere');
  page.countTexts();
  expect(asked[2].command.mayAsk).toBe(true);
});

test('a chosen model sets its template, then its length; a preset takes its own values back', async () => {
  const { page, asked, quiet, state } = await setUp();
  page.chooseModel('picked:mine');
  quiet();
  asked[1].answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  expect(state().draft.training.promptForm).toBe('chat');
  quiet();
  asked[2].answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  expect(state().draft.training.sourceLength).toBe(160);
  page.choosePreset('full');
  expect(state().draft).toEqual(embeddedSettings('full', 'gorp-plus'));
  quiet();
  asked.at(-1)?.answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  expect(state().draft).toEqual(embeddedSettings('full', 'gorp-plus'));
});

test('a run that begins before the texts are read waits for the form of its prompts', async () => {
  const { page, asked, state } = await setUp();
  page.chooseModel('org/name');
  page.start();
  page.start();
  expect(asked.at(-1)?.command.mayAsk, 'as the run may').toBe(true);
  expect(state()).toMatchObject({ isSettling: true, run: { status: 'idle' } });
  asked.at(-1)?.answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  await Promise.resolve();
  expect(state()).toMatchObject({ isSettling: false, run: { status: 'starting' } });
  expect(state().run.settings?.training.promptForm).toBe('chat');
});

test('settings that are used before the texts are read wait for them, unless another model is chosen', async () => {
  const { page, asked, state } = await setUp();
  const used: string[] = [];
  const note = (): void => void used.push(state().draft.training.promptForm);
  page.chooseModel('org/name');
  page.afterReading(note);
  page.chooseModel('org/other');
  asked.at(-1)?.answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  await Promise.resolve();
  expect([used, state().isSettling]).toEqual([[], false]);
  page.afterReading(note);
  asked.at(-1)?.answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  await Promise.resolve();
  expect(used).toEqual(['chat']);
});

test('the settings of another run stay as they are, and begin from scratch', async () => {
  const { page, asked, quiet, state } = await setUp();
  page.chooseModel('picked:mine');
  const settings = state().draft; // as a run had them that was set up by hand, with the same model
  page.teach(taughtModel(settings, 1));
  page.chooseModel('picked:mine');
  page.copySettings(settings);
  quiet();
  asked.at(-1)?.answer({ type: 'counted', lengths: { ...lengths, hasTemplate: true } });
  expect(state()).toMatchObject({ draft: settings, teaches: null });
});

test('says what the run uses, which texts it would cut, and how to read them whole', () => {
  const settings = embeddedSettings('full', 'gorp-plus');
  const { training } = settings;
  expect(usedBy(settings, lengths)).toBe(
    'Learning rate 0.003 and 0.003 at full rank. Prompts of up to 96 tokens; answers of up to 3.',
  );
  expect(usedBy({ ...settings, training: { ...training, lrSchedulerType: 'cosine' } }, lengths)).toBe(
    'Learning rate 0.003 and 0.003 at full rank, falling to 0 over each task. Prompts of up to 96 tokens; answers of up to 3.',
  );
  const change = { label: 'Raise the prompt length to 160', training: { sourceLength: 160 } };
  expect(concernsOf(settings, lengths)).toEqual([
    { text: '12 of 200 texts of reviews would be cut.', isGrave: true, change },
  ]);

  const others = ['reviews', 'mails', 'news', 'notes'].map((name) => ({ ...task, name, cut: 2 }));
  expect(concernsOf(settings, { ...lengths, tasks: others })).toEqual([
    {
      text: '2 of 200 texts of reviews, 2 of 200 of mails, 2 of 200 of news and some of 1 more task would be cut.',
      isGrave: false,
      change,
    },
  ]);

  const cutByDesign = { ...task, name: 'gloss', cut: 5 };
  const byDesign = { ...lengths, tasks: [cutByDesign] };
  expect(concernsOf(settings, byDesign), 'the length that the embedded tasks have').toEqual([]);
  expect(usedBy(settings, byDesign)).toMatch(/\. By design, 5 of 200 texts of gloss are cut: most are far shorter\.$/);
  const shorter = { ...settings, training: { ...training, sourceLength: 64 } };
  expect(concernsOf(shorter, { ...lengths, tasks: [cutByDesign] })).toEqual([
    { text: '5 of 200 texts of gloss would be cut.', isGrave: false, change },
  ]);

  const tight = { ...settings, training: { ...training, sourceLength: 16 } };
  expect(concernsOf(tight, lengths)).toEqual([
    {
      text: 'reviews: the prompt takes 44 tokens even without a text, but may have 16: the run will be refused.',
      isGrave: true,
      change,
    },
  ]);
  const endless = { ...lengths, tasks: [{ ...task, texts: 2000, longest: null }] };
  expect(concernsOf(settings, endless)).toEqual([
    {
      text: 'About 120 of 2000 texts of reviews would be cut: the longest has over 4096 tokens.',
      isGrave: true,
    },
  ]);
  const free = { ...lengths, tasks: [{ ...task, cut: 0, answer: 180, shortened: 5 }] };
  expect(concernsOf(settings, free)).toEqual([
    {
      text: '5 of 200 answers of reviews have more than 128 tokens and would be learned so far only.',
      isGrave: false,
      change: { label: 'Raise the answer length to 180', training: { targetLength: 180 } },
    },
  ]);
});

test('the room for a model is said in words, with what to remove where it does not suffice', () => {
  const MIB = 2 ** 20;
  const asked = { state: 400 * MIB, room: 12 * 2 ** 30, saves: true };
  expect(roomText(asked, [])).toEqual({
    text: 'The browser reports room for the model: up to 400 MiB of 12.0 GiB.',
    isGrave: false,
  });
  const models = ['new', 'mails', 'chats'].map((name) => ({ name, bytes: 300 * MIB }));
  const { text, isGrave } = roomText({ ...asked, room: 800 * MIB }, models);
  expect(isGrave).toBe(true);
  expect(text).toBe(
    'The model will take up to 400 MiB of this browser’s storage, and 1.17 GiB with the checkpoints of the run; the browser reports only 800 MiB left. Under Models you can remove chats and mails, which frees 600 MiB.',
  );
  expect(roomText({ ...asked, saves: false, room: 800 * MIB }, models).isGrave, 'without checkpoints').toBe(false);
  expect(roomText({ ...asked, room: 0 }, models).text).toMatch(
    /chats, mails and new, which frees 900 MiB: not enough, so free/,
  );
  expect(roomText({ ...asked, room: 0 }, []).text).toMatch(/Remove base models under Models, or free disk space\.$/);
});
