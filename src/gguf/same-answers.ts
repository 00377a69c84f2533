import { GorpError } from '../base/errors.ts';
import { answerPrompts, type Answering } from '../run/evaluation/answering.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { answerLengthIn } from '../run/tasks/encoded-task.ts';
import { refuseByPrompt } from '../weights/exports/merge.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { modelInGguf } from './gguf-files.ts';
import type { GgufDtype, SameAnswers } from './names.ts';

/** Checks that answers of a model can be compared. @throws GorpError `run/no-tests`, `run/has-gates`. */
export function checkComparable(saved: SavedRound): void {
  refuseByPrompt(saved.changes, 'A GGUF file');
  if (testPrompts(saved).length > 0) return;
  throw new GorpError(
    'run/no-tests',
    'The model came without tests of what it was taught, so no answers can be compared.',
    'Ask for a file with the tests, or keep the tests of the next task with the model when you teach it.',
  );
}

/** The prompts of the tests that come with a model, as it reads them; texts to continue have no answers. */
export const testPrompts = ({ state }: Pick<SavedRound, 'state'>): (readonly number[])[] =>
  state.lessons.flatMap(({ definition, tests }) =>
    definition.form === 'text' ? [] : (tests?.encoded.map(({ source }) => source) ?? []),
  );

/**
 * Answers the tests that come with a model twice on the same device: by the model as it was taught, and with the weights
 * that its GGUF file would hold.
 *
 * @param base the model that the round was trained on.
 * @param onAnswer called after every answer with the number of answers so far, and of all.
 * @throws GorpError as {@link checkComparable}, {@link modelInGguf} and {@link answerPrompts}.
 */
export async function sameAnswers(
  device: Parameters<typeof answerPrompts>[0],
  base: ModelFiles,
  saved: SavedRound,
  dtype: GgufDtype,
  onAnswer: (done: number, all: number) => void = () => undefined,
): Promise<SameAnswers> {
  checkComparable(saved);
  const prompts = testPrompts(saved);
  const { results } = saved;
  const asTaught: Answering = {
    ...results.settings.training,
    date: results.model.date,
    maxNewTokens: answerLengthIn(results),
  };
  const asWritten: Answering = { ...asTaught, frozenWeights: 'stored' };
  let done = 0;
  const answersOf = async (...[model, answering, trained]: [ModelFiles, Answering, SavedRound?]): Promise<string[]> => {
    const answers: string[] = [];
    for await (const { text } of answerPrompts(device, model, prompts, answering, trained)) {
      answers.push(text);
      onAnswer(++done, 2 * prompts.length);
    }
    return answers;
  };
  const taught = await answersOf(base, asTaught, saved);
  const written = await answersOf(await modelInGguf(base, dtype, saved), asWritten);
  return { same: taught.filter((answer, i) => answer === written[i]).length, of: prompts.length };
}
