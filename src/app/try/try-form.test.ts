import { describe, expect, it } from 'vitest';
import type { AnsweredExample } from '../../run/outputs/answers-over-rounds.ts';
import { chosenExamples, EMPTY_FORM, questionOf, SHOWN, withTask } from './try-form.ts';

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
    ['all', EXAMPLES.map(({ sentence }) => sentence)],
  ] as const)('shows %s', (shown, sentences) => {
    expect(SHOWN).toContain(shown);
    const found = chosenExamples(EXAMPLES, { ...EMPTY_FORM, from: 1, to: 2, shown });
    expect(found.map(({ example }) => example.sentence)).toEqual(sentences);
  });

  it('can be searched by text and answer, ignoring case', () => {
    const search = (text: string) =>
      chosenExamples(EXAMPLES, { ...EMPTY_FORM, from: 1, to: 2, shown: 'all', search: text }).length;
    expect([search(' Known '), search('COLD'), search('nothing')]).toEqual([1, 3, 0]);
  });
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
    chosenExamples(EXAMPLES, { ...form, ...more }, untrained).map(({ example }) => example.sentence);
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
  expect(questionOf({ ...form, sentence: 'a' })).toEqual({ kind: 'task', task: 'gloss', sentence: 'a', label: null });
  expect(questionOf({ ...form, kind: 'raw', text: ' ' })).toBeNull();
  expect(questionOf({ ...form, kind: 'raw', text: 'a' })).toEqual({ kind: 'raw', text: 'a' });
});
