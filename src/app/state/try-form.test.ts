import { describe, expect, it } from 'vitest';
import type { AnsweredExample } from '../../run/files/predictions.ts';
import { chosenExamples, EMPTY_FORM, questionOf, SHOWN, withTask, wrongSentence } from './try-form.ts';

const example = (sentence: string, ...answers: [round: number, isRight: boolean][]): AnsweredExample => ({
  sentence,
  label: 'warm',
  others: [],
  answers: answers.map(([round, isRight]) => ({
    round,
    isRight,
    written: isRight ? 'warm' : 'cold',
    rougeL: isRight ? 1 : 0,
  })),
});
const EXAMPLES = [
  example('kept', [1, true], [2, true]),
  example('forgotten', [1, true], [2, false]),
  example('learned', [1, false], [2, true]),
  example('never known', [1, false], [2, false]),
  example('not tested later', [1, true]),
];
const TASKS = [
  { name: 'gloss', form: 'labels' as const, labels: ['warm', 'cold'], examples: 5, rounds: [1, 2] },
  { name: 'field', form: 'labels' as const, labels: ['a', 'b'], examples: 5, rounds: [2] },
];

describe('the list of examples', () => {
  it.each([
    ['turned-wrong', ['forgotten']],
    ['turned-right', ['learned']],
    ['wrong', ['forgotten', 'never known']],
    ['all', ['forgotten', 'kept', 'never known', 'learned', 'not tested later']],
  ] as const)('shows %s', (shown, sentences) => {
    expect(SHOWN).toContain(shown);
    const found = chosenExamples(EXAMPLES, { ...EMPTY_FORM, from: 1, to: 2, shown }, 'labels');
    expect(found.map(({ example }) => example.sentence)).toEqual(sentences);
  });

  it('can be searched by text and answer, ignoring case', () => {
    const search = (text: string) =>
      chosenExamples(EXAMPLES, { ...EMPTY_FORM, from: 1, to: 2, shown: 'all', search: text }, 'labels').length;
    expect([search(' Known '), search('COLD'), search('nothing')]).toEqual([1, 3, 0]);
  });
});

it('says which words the answers that turned wrong now use', () => {
  const turned = (written: string): AnsweredExample => ({
    sentence: written,
    label: 'warm',
    others: [],
    answers: [
      { round: 1, written: 'warm', isRight: true, rougeL: 1 },
      { round: 2, written, isRight: false, rougeL: 0 },
    ],
  });
  const form = { ...EMPTY_FORM, task: 'gloss', from: 1, to: 2, search: 'hides nothing' };
  const examples = [...['A', 'b', 'a.', 'cold', 'nonsense'].map(turned), example('kept', [1, true], [2, true])];
  expect(wrongSentence(examples, form, TASKS)).toBe(
    '5 answers turned wrong: 3 now use field’s words, 1 is another label of gloss, 1 is something else.',
  );
  // A label of both tasks is the task's own.
  const both = [TASKS[0], { ...TASKS[1], labels: ['cold'] }];
  expect(wrongSentence([turned('cold')], form, both)).toBe('1 answer turned wrong: 1 is another label of gloss.');
  expect(wrongSentence(EXAMPLES.slice(0, 1), form, TASKS)).toBeNull();
  expect(wrongSentence(examples, form, [{ ...TASKS[0], form: 'free' }])).toBeNull();
});

it('lists free answers by how much their ROUGE-L fell, and shows all of them at first', () => {
  const scored = (sentence: string, ...rougeL: number[]): AnsweredExample => ({
    sentence,
    label: 'warm',
    others: [],
    answers: rougeL.map((one, i) => ({ round: i + 1, written: 'lukewarm', isRight: false, rougeL: one })),
  });
  const examples = [scored('rose', 0.2, 0.3), scored('fell', 0.5, 0.4), scored('same', 1, 1), scored('lost', 0.9, 0)];
  const task = { name: 'free', form: 'free' as const, labels: [], examples: 4, rounds: [1, 2] };
  const form = withTask(EMPTY_FORM, [...TASKS, task], 'free');
  expect(form).toMatchObject({ from: 1, to: 2, shown: 'all' });
  const listed = (shown: (typeof SHOWN)[number]): string[] =>
    chosenExamples(examples, { ...form, shown }, 'free').map(({ example }) => example.sentence);
  expect(listed('all')).toEqual(['lost', 'fell', 'same', 'rose']);
  expect(listed('turned-wrong')).toEqual(['lost', 'fell']);
  expect(listed('turned-right')).toEqual(['rose']);
});

it('compares with the answers before training, as far as they exist', () => {
  const untrained = [true, false].map((isRight) => ({
    round: 0,
    written: isRight ? 'warm' : 'hot',
    isRight,
    rougeL: 0,
  }));
  const form = { ...EMPTY_FORM, from: 0, to: 1 };
  const sentences = (more: Partial<typeof form>): string[] =>
    chosenExamples(EXAMPLES, { ...form, ...more }, 'labels', untrained).map(({ example }) => example.sentence);
  expect(sentences({ shown: 'turned-right' })).toEqual(['forgotten']);
  expect(sentences({ shown: 'turned-wrong' })).toEqual([]);
  expect(sentences({ shown: 'all', search: 'hot' })).toEqual(['forgotten']);
  const chosen = { ...withTask(EMPTY_FORM, TASKS, 'gloss'), from: 0 };
  expect(withTask(chosen, TASKS, 'gloss'), 'what was chosen stays').toEqual(chosen);
});

it('compares the examples of a task between the first and the last round that tested it', () => {
  const first = withTask(EMPTY_FORM, TASKS, 'gloss');
  expect(first).toMatchObject({ task: 'gloss', from: 1, to: 2 });
  expect(withTask(first, TASKS, 'field')).toMatchObject({ task: 'field', from: 0, to: 2, shown: 'all' });
  const chosen = { ...first, from: 2, label: 'warm' };
  expect(withTask(chosen, TASKS, 'gloss'), 'what was chosen stays').toEqual(chosen);
});

it('asks nothing until a question is entered', () => {
  const form = { ...EMPTY_FORM, task: 'gloss' };
  expect(questionOf(form)).toBeNull();
  expect(questionOf({ ...form, sentence: 'a' })).toEqual({
    kind: 'task',
    task: 'gloss',
    sentence: 'a',
    label: null,
    others: [],
  });
  expect(questionOf({ ...form, kind: 'raw', text: ' ' })).toBeNull();
  expect(questionOf({ ...form, kind: 'raw', text: 'a' })).toEqual({ kind: 'raw', text: 'a' });
});
