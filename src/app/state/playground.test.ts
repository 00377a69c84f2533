import { beforeEach, describe, expect, it } from 'vitest';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { TriedAnswer, TriedRun, TryCommand, TryEvent } from '../../worker/try/messages.ts';
import { labelBars } from '../tabs/try/Answers.tsx';
import { createPlayground, limitOf, type TryContext, type Playground } from './playground.ts';
import { KEPT_QUESTIONS } from './try-state.ts';

const RUN: TriedRun = {
  id: 'a-run',
  settings: embeddedSettings('quick', 'seq-lora'),
  rounds: [
    { round: 1, name: '1-gloss', hasWeights: false },
    { round: 2, name: '2-field', hasWeights: true },
  ],
  tasks: [{ name: 'gloss', form: 'labels', labels: ['warm', 'cold'], examples: 2, rounds: [1, 2] }],
  confusion: [],
  bytes: { f32: 8, f16: 8, q8: 4, q4: 2 },
  converses: true,
};
const CONTEXT: TryContext = {
  access: { hub: { endpoint: '', token: null }, picked: new Map() },
  device: 'auto',
  budget: null,
  isMeasured: false,
};
const ANSWER: TriedAnswer = {
  text: 'warm',
  isRight: true,
  labels: [
    { label: 'warm', probability: 0.75 },
    { label: 'cold', probability: 0.125 },
  ],
  isCut: false,
  cutAt: null,
};

let sent: TryCommand[];
let tell: (event: TryEvent) => void;
let closed: number;
let playground: Playground;
const state = () => playground.store.getState();

beforeEach(() => {
  sent = [];
  closed = 0;
  playground = createPlayground((onEvent) => {
    tell = onEvent;
    return { send: (command) => sent.push(command), close: () => closed++ };
  });
});

function openRun(): void {
  playground.open(CONTEXT.access, null);
  tell({ type: 'opened', run: RUN, given: null });
  playground.edit({ sentence: 'red ball', label: 'warm' });
}

const picked = { name: 'rounds', files: [{ path: 'round.json', file: new Blob() }] };

/** The worker has opened what a command names; by default, the last. */
function opened(command = sent.at(-1)): void {
  if (command?.type === 'open') tell({ type: 'opened', run: RUN, given: command.given });
}

describe('the tab Try it', () => {
  it('opens the saved rounds and requests the examples of the first task', () => {
    openRun();
    expect(sent).toEqual([
      { type: 'open', given: null, model: null, access: CONTEXT.access },
      { type: 'examples', task: 'gloss' },
    ]);
    expect(state()).toMatchObject({ status: 'open', form: { task: 'gloss', from: 1, to: 2 } });
  });

  it('asks every round that has weights, and shows the answers', () => {
    openRun();
    playground.ask({ ...CONTEXT, budget: 5 });
    const { writing } = state().form;
    const question = { kind: 'task', task: 'gloss', sentence: 'red ball', label: 'warm', others: [] };
    expect(sent.at(-1)).toEqual({
      type: 'ask',
      asking: { question, rounds: [0, 2], writing, dtype: 'f32', device: 'auto', access: CONTEXT.access, limit: 5 },
    });
    playground.ask(CONTEXT);
    expect(sent, 'one question at a time').toHaveLength(3);
    tell({ type: 'preparing', round: 0, what: 'round' });
    tell({ type: 'token', round: 0, text: 'wa' });
    expect(state().asked[0].answers.map(({ state }) => state.status)).toEqual(['writing', 'waiting']);
    tell({ type: 'answered', round: 0, answer: ANSWER });
    tell({ type: 'unanswered', round: 2, error: { code: 'run/bad-round', message: 'm', nextStep: 'n' } });
    tell({ type: 'done', isStopped: false });
    expect(state()).toMatchObject({ status: 'open', asked: [{ run: { id: 'a-run', method: 'seq-lora' }, question }] });
    expect(state().asked[0].answers.map(({ state }) => state.status)).toEqual(['answered', 'failed']);
  });

  it('talks with the model before training and the last round, each with what it has said itself', () => {
    openRun();
    const say = (turn: string) => {
      playground.edit({ kind: 'chat', system: 'Be brief.', turn });
      playground.ask(CONTEXT);
      return sent.at(-1);
    };
    const chat = { kind: 'chat', system: 'Be brief.' };
    expect(say('red?')).toMatchObject({ asking: { question: { ...chat, before: [], text: 'red?' }, rounds: [0, 2] } });
    expect(state().form.turn, 'the field is empty for the next turn').toBe('');
    tell({ type: 'answered', round: 0, answer: ANSWER });
    tell({ type: 'token', round: 2, text: 'ho' });
    playground.stop();
    tell({ type: 'done', isStopped: true });
    expect(state().talk[0].answers.map((one) => one.state)).toEqual([
      { status: 'answered', answer: ANSWER },
      { status: 'stopped', text: 'ho' },
    ]);
    playground.edit({ talkers: [0] });
    const before = [{ text: 'red?', answers: { 0: 'warm', 2: 'ho' } }];
    expect(say('blue?'), 'the rounds stay').toMatchObject({ asking: { question: { before }, rounds: [0, 2] } });
    tell({ type: 'done', isStopped: false });
    expect([state().talk.length, state().asked.length]).toEqual([2, 0]);
    tell({ type: 'opened', run: { ...RUN, id: 'another' }, given: null });
    expect(state().talk, 'another run cannot continue it').toEqual([]);
    expect(say('blue?')).toMatchObject({ asking: { question: { before: [] }, rounds: [0] } });
    tell({ type: 'done', isStopped: false });
    playground.newTalk();
    expect(state().talk).toEqual([]);
  });

  it('asks nothing until numbers make sense', () => {
    openRun();
    playground.edit({ kind: 'raw', text: 'red', writing: { most: Number.NaN, temperature: 0, seed: 1 } });
    const before = sent.length;
    playground.ask(CONTEXT);
    expect(sent).toHaveLength(before);
  });

  it('asks nothing while the device is measured, says so, and asks afterwards', () => {
    openRun();
    const before = sent.length;
    playground.ask({ ...CONTEXT, isMeasured: true });
    playground.askExamples({ ...CONTEXT, isMeasured: true });
    expect(sent).toHaveLength(before);
    expect(state()).toMatchObject({ status: 'open', asked: [], problem: { code: 'run/device-measured' } });
    playground.ask(CONTEXT);
    expect(sent.at(-1)).toMatchObject({ type: 'ask' });
    expect(state().problem).toBeNull();
  });

  it('asks the model before training a task’s examples, and resumes where it was stopped', () => {
    const answer = { written: 'warm', isRight: true, rougeL: 1 };
    const answered = { type: 'example-answered', task: 'gloss', dtype: 'f32', answer } as const;
    const from = () => sent.flatMap((command) => (command.type === 'ask-examples' ? [command.from] : []));
    openRun();
    playground.ask(CONTEXT);
    tell({ type: 'answered', round: 0, answer: ANSWER });
    tell({ type: 'done', isStopped: false });
    const [question] = state().asked;
    playground.askExamples(CONTEXT);
    expect(state()).toMatchObject({ status: 'asking', asksExamples: true });
    tell({ ...answered, example: 0 });
    playground.stop();
    tell({ type: 'done', isStopped: true });
    expect(state()).toMatchObject({ status: 'open', asksExamples: false });
    expect(state().asked[0], 'the question before').toEqual(question);
    playground.askExamples(CONTEXT);
    tell({ ...answered, example: 1 });
    tell({ type: 'done', isStopped: false });
    playground.edit({ dtype: 'q4' });
    playground.askExamples(CONTEXT);
    expect(from(), 'another weight format starts from the first example').toEqual([0, 1, 0]);
    expect(state().untrained).toEqual({ 'f32 gloss': [answer, answer].map((one) => ({ round: 0, ...one })) });
    playground.close();
    playground.open(CONTEXT.access, null, state().given);
    tell({ type: 'opened', run: RUN, given: null });
    expect(Object.keys(state().untrained), 'of the same run').toHaveLength(1);
    tell({ type: 'opened', run: { ...RUN, id: 'another' }, given: null });
    expect(state().untrained).toEqual({});
  });

  it('stops, and marks pending answers as stopped', () => {
    openRun();
    playground.stop();
    expect(sent.at(-1)?.type).toBe('examples');
    playground.ask(CONTEXT);
    tell({ type: 'answered', round: 0, answer: ANSWER });
    playground.stop();
    expect(state().status).toBe('stopping');
    tell({ type: 'done', isStopped: true });
    expect(state().asked[0].answers.map(({ state }) => state.status)).toEqual(['answered', 'stopped']);
  });

  it('ends its worker when left, and opens the same files when shown again', () => {
    playground.open(CONTEXT.access, null, picked);
    opened();
    playground.edit({ sentence: 'red ball' });
    playground.ask(CONTEXT);
    playground.close();
    expect(closed).toBe(1);
    expect(state().asked[0].answers[0].state.status).toBe('stopped');
    playground.open(CONTEXT.access, null, state().given);
    expect(sent.at(-1)).toMatchObject({ type: 'open', given: { files: [{ path: 'round.json' }] } });
    expect(state().given?.name).toBe('rounds');
  });

  it('names what is open, though files that cannot be opened were given meanwhile', () => {
    openRun();
    playground.close();
    playground.open(CONTEXT.access, null, state().given);
    const [stored] = sent.slice(-1);
    playground.open(CONTEXT.access, null, picked);
    opened(stored);
    tell({ type: 'failed', error: { code: 'run/bad-round', message: 'm', nextStep: 'n' } });
    expect(state()).toMatchObject({ status: 'open', given: null });
    playground.open(CONTEXT.access, null, state().given);
    expect(sent.at(-1)).toMatchObject({ type: 'open', given: null });
  });

  it('shows why a run cannot be opened, and lets the person try again', () => {
    playground.open(CONTEXT.access, null);
    const error = { code: 'run/bad-round', message: 'm', nextStep: 'n' } as const;
    tell({ type: 'failed', error });
    expect(state()).toMatchObject({ status: 'closed', problem: error });
    openRun();
    expect(state().problem).toBeNull();
    playground.open(CONTEXT.access, null, { name: 'holiday', files: [{ path: 'photo.jpg', file: new Blob() }] });
    tell({ type: 'failed', error });
    expect(state(), 'what was open stays open').toMatchObject({ status: 'open', run: RUN, given: null });
  });

  it('asks nothing of a worker that has ended, until the run is opened again', () => {
    openRun();
    playground.ask(CONTEXT);
    const error = { code: 'text/tokenizer-too-slow', message: 'm', nextStep: 'n' } as const;
    tell({ type: 'ended', error });
    expect(state()).toMatchObject({ status: 'closed', run: null, problem: error });
    expect(state().asked[0].answers[0].state.status).toBe('stopped');
    const before = sent.length;
    playground.ask(CONTEXT);
    expect(sent).toHaveLength(before);
    openRun();
    playground.ask(CONTEXT);
    expect([state().status, state().problem]).toEqual(['asking', null]);
  });

  it('forgets the oldest question when there are many', () => {
    openRun();
    for (let i = 0; i <= KEPT_QUESTIONS; i++) {
      playground.ask(CONTEXT);
      tell({ type: 'done', isStopped: false });
    }
    expect(state().asked).toHaveLength(KEPT_QUESTIONS);
    expect(new Set(state().asked.map(({ id }) => id)).size).toBe(KEPT_QUESTIONS);
  });
});

it('limits memory to the person’s budget and the runtime’s capacity', () => {
  expect([limitOf(null), limitOf(100), limitOf(2 ** 40)]).toEqual([2 ** 32, 100, 2 ** 32]);
});

describe('labelBars', () => {
  const question = { kind: 'task', task: 'gloss', sentence: 's', label: 'l9', others: [] } as const;

  it('returns the labels and anything else, summing to 1', () => {
    const answers = [{ round: 1, name: '1-gloss', state: { status: 'answered', answer: ANSWER } as const }];
    expect(labelBars({ answers, question: { ...question, label: 'warm' } }, 1)).toEqual([
      { name: 'warm', share: 0.75, isRight: true },
      { name: 'cold', share: 0.125, isRight: false },
      { name: 'anything else', share: 0.125, isRight: false },
    ]);
    expect(labelBars({ answers, question }, 2)).toEqual([]);
  });

  it('names the right label and the likeliest of any round, the same for every round', () => {
    const answerOf = (likeliest: number): TriedAnswer => ({
      ...ANSWER,
      labels: Array.from({ length: 20 }, (_, i) => ({ label: `l${i}`, probability: i === likeliest ? 0.5 : 0.01 })),
    });
    const answers = [3, 17].map((likeliest, round) => {
      return { round, name: '', state: { status: 'answered', answer: answerOf(likeliest) } as const };
    });
    const [first, second] = [0, 1].map((round) => labelBars({ answers, question }, round));
    expect(first.map(({ name }) => name)).toEqual(second.map(({ name }) => name));
    expect(first.map(({ name }) => name)).toEqual(expect.arrayContaining(['l3', 'l9', 'l17', 'other labels']));
    expect(first.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 10);
  });
});
