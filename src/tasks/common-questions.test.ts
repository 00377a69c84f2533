import { describe, expect, it } from 'vitest';
import { COMMON_QUESTIONS, type CommonQuestion, isRight } from './common-questions.ts';
import { GENERAL_PROMPTS } from './general-prompts.ts';

const asked = (id: string): CommonQuestion => {
  const found = COMMON_QUESTIONS.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};

/** Words that say nothing of what a question is about. */
const OF_ANY_QUESTION = new Set(
  'what which how many are does the you your with into for that word people most complete saying use day one'.split(
    ' ',
  ),
);

describe('isRight', () => {
  it.each([
    ['capitals/france', 'The capital of France is Paris.'],
    ['capitals/france', '**Paris**'],
    ['capitals/france', 'It is not Lyon but Paris, of course.'],
    ['counts/week', 'There are seven days in a week.'],
    ['counts/week', '7'],
    ['counts/week', 'A week has 7.'],
    ['counts/minute', 'There are 60 seconds in one minute.'],
    ['counts/minute', 'In 1 minute there are sixty seconds.'],
    ['counts/spider', 'Spiders have eight legs, which is 2 more than insects.'],
    ['continents/brazil', 'Brazil lies in South America.'],
    ['sayings/better', 'Better late than never!'],
    ['colours/banana', 'A ripe banana isn’t green; it is yellow.'],
    ['order/b', 'C'],
    ['animals/barks', 'The dog’s bark is well known.'],
  ])('takes for %s: %s', (id, answer) => {
    expect(isRight(asked(id), answer)).toBe(true);
  });

  it.each([
    ['capitals/france', ''],
    ['capitals/france', 'Parisian streets'],
    ['capitals/france', 'It is not Paris.'],
    ['capitals/france', "It isn't in Paris"],
    ['capitals/france', 'London or Paris'],
    ['capitals/france', 'L’Étoile, le Grand Étoile'],
    ['counts/week', '17'],
    ['counts/week', '7.5 days'],
    ['counts/week', '1,007 days'],
    ['counts/week', '-7'],
    ['counts/week', 'There are 5 or 7 days'],
    ['counts/week', 'twenty-seven'],
    ['counts/week', 'seventy'],
    ['counts/dozen', 'A dozen has 144, which is 12 times 12.'],
    ['colours/blood', 'It is blue, green or red.'],
    ['colours/blood', 'infra-red'],
    ['languages/germany', 'Germany'],
    ['sources/honey', 'Bees do not make honey.'],
    ['science/ice', 'It is nice.'],
    ['tools/time', 'They watched the sun'],
  ])('refuses for %s: %s', (id, answer) => {
    expect(isRight(asked(id), answer)).toBe(false);
  });

  it('takes every accepted answer of every question, and no answer of another kind', () => {
    for (const one of COMMON_QUESTIONS) {
      for (const answer of one.accepted) expect(isRight(one, `The answer is ${answer}.`), one.id).toBe(true);
      expect(isRight(one, `I do not know: ${one.question}`), one.id).toBe(false);
    }
  });
});

describe('COMMON_QUESTIONS', () => {
  it('are four of each of fifteen kinds, with ids and questions of their own', () => {
    const kinds = [...new Set(COMMON_QUESTIONS.map(({ kind }) => kind))];
    const counts = kinds.map((kind) => COMMON_QUESTIONS.filter((one) => one.kind === kind).length);
    expect(counts).toEqual(Array.from({ length: 15 }, () => 4));
    for (const of of [({ id }: CommonQuestion) => id, ({ question }: CommonQuestion) => question])
      expect(new Set(COMMON_QUESTIONS.map(of)).size).toBe(60);
  });

  it('share no fact with a protected prompt: none has both an accepted answer and what is asked', () => {
    const wordsOf = (text: string): string[] => text.toLowerCase().match(/\p{L}{3,}|\p{N}+/gu) ?? [];
    for (const { sentence, label } of GENERAL_PROMPTS.train) {
      const general = new Set(wordsOf(`${sentence} ${label}`));
      for (const { question, accepted } of COMMON_QUESTIONS) {
        const answers = accepted.filter((answer) => wordsOf(answer).length > 0);
        const isTold = answers.some((answer) => wordsOf(answer).every((word) => general.has(word)));
        const subject = wordsOf(question).filter((word) => !OF_ANY_QUESTION.has(word));
        expect(isTold && subject.some((word) => general.has(word)), `${question} / ${sentence}`).toBe(false);
      }
    }
  });

  it('are of no kind that protected prompts ask: no capital among them', () => {
    for (const { sentence } of GENERAL_PROMPTS.train)
      expect(sentence).not.toMatch(
        /\bcapital|opposite|plural|past tense|continent|\bsaying\b|comes after|how many \w+ (?:are|does)/i,
      );
  });
});
