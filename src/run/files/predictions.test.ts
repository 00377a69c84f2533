import { describe, expect, it } from 'vitest';
import { bytesOfFile } from '../../testing/output-files.ts';
import { PREDICTIONS_FILE } from './layout.ts';
import { AnswersOverRounds, type Prediction, readPredictions } from './predictions.ts';
import { testFiles } from './round-files.ts';

type Tests = Parameters<typeof testFiles>[0];

/** A test of a task of two examples, with these answers. */
const tested = (name: string, ...written: [string, string]): Tests[number] => {
  const labels = ['warm', 'cold'];
  return {
    task: {
      name,
      kind: 'TC',
      form: 'labels',
      watched: false,
      vocabulary: 10,
      labels,
      train: [],
      validation: [],
      protects: [],
      test: [],
      asked: ['„rot“ ball', 'line\nfeed'].map((sentence, i) => ({ sentence, label: labels[i] })),
      definition: { name, kind: 'TC', instruction: 'Which?\n', labels },
      texts: '',
      candidates: [],
      longestAnswer: 0,
    },
    form: 'labels',
    kind: 'TC',
    name,
    batches: 1,
    seconds: 1,
    answers: written.map((text) => ({
      text,
      exactMatch: false,
      rouge1: 0,
      rougeL: 0,
      generated: 1,
      loss: 0,
      labelTokens: 1,
    })),
  };
};

/** The answers read back from a round's file. */
async function written(tests: Tests): Promise<Prediction[]> {
  const file = testFiles(tests).find(({ path }) => path === PREDICTIONS_FILE);
  if (file === undefined) throw new Error('no answers');
  return readPredictions(new TextDecoder().decode(await bytesOfFile(file)));
}

it('reads answers back as a round wrote them', async () => {
  expect(await written([tested('gloss', 'Warm.', 'hot')])).toEqual([
    {
      kind: 'TC',
      task: 'gloss',
      instruction: 'Which?\nOption: warm, cold \n{0}\nAnswer:',
      sentence: '„rot“ ball',
      label: 'warm',
      form: 'labels',
      others: [],
      written: 'Warm.',
    },
    expect.objectContaining({ sentence: 'line\nfeed', label: 'cold', written: 'hot' }),
  ]);
});

it.each([
  ['{', 'it is not JSON'],
  ['{"Task": "TC", "Dataset": "gloss", "Prediction": "x"}', 'Instance'],
])('refuses a line %s', (line, what) => {
  expect(() => readPredictions(`\n${line}`)).toThrow(
    expect.objectContaining({
      code: 'run/bad-predictions',
      message: expect.stringContaining(`Line 2 of ${PREDICTIONS_FILE} contains no answer: ${what}`) as unknown,
    }),
  );
});

describe('answers over rounds', () => {
  it('stand side by side, each right or wrong', async () => {
    const answers = new AnswersOverRounds();
    answers.add(1, await written([tested('gloss', 'Warm.', 'hot')]));
    answers.add(2, await written([tested('gloss', 'roll', 'cold'), tested('field', 'warm', 'warm')]));
    expect(answers.tasks.map(({ name, examples }) => [name, examples.length])).toEqual([
      ['gloss', 2],
      ['field', 2],
    ]);
    expect(answers.tasks[0].examples.map((example) => example.answers)).toEqual([
      [
        { round: 1, written: 'Warm.', isRight: true, rougeL: 1 },
        { round: 2, written: 'roll', isRight: false, rougeL: 0 },
      ],
      [
        { round: 1, written: 'hot', isRight: false, rougeL: 0 },
        { round: 2, written: 'cold', isRight: true, rougeL: 1 },
      ],
    ]);
    expect(answers.tasks[1].examples[0].answers).toEqual([{ round: 2, written: 'warm', isRight: true, rougeL: 1 }]);
  });

  it('leave out another test set', async () => {
    const answers = new AnswersOverRounds();
    const [first, second] = await written([tested('gloss', 'warm', 'cold')]);
    answers.add(1, [first, second]);
    answers.add(2, [second, first]);
    expect(answers.tasks[0].examples.map((example) => example.answers.map(({ round }) => round))).toEqual([[1], [1]]);
  });
});
