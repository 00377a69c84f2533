import { textOf } from '../../tasks/cut.ts';
import type { Example, Task } from '../../tasks/task.ts';

/** What makes the accuracy of a task say little. */
export function doubtsOf({ labels }: Task, train: readonly Example[], test: readonly Example[]): string[] {
  const doubts: string[] = [];
  const repeated = countOfTrained(train, test, textOf);
  const alike = countOfTrained(train, test, (one) => lettersOf(textOf(one))) - repeated;
  const [tests, follows] = [`of ${test.length} test texts`, 'so the accuracy says little of new texts.'];
  if (repeated > 0) doubts.push(`${repeated} ${tests} are also trained on, ${follows}`);
  if (alike > 0)
    doubts.push(`${alike} ${tests} differ from a trained one only in case, spaces or punctuation, ${follows}`);
  const tested = new Set(test.map(({ label }) => label));
  if (tested.size === 1 && labels.length > 1 && test.length > 1)
    doubts.push(`All tests have the label “${test[0].label}”: a model that always gives it is never wrong.`);
  return doubts;
}

/** How many test texts are trained on, compared by `key`. */
function countOfTrained(train: readonly Example[], test: readonly Example[], key: (one: Example) => string): number {
  const trained = new Set(train.map(key));
  return test.filter((one) => trained.has(key(one))).length;
}

/** The letters and digits of a text in lower case; a text of neither is itself. */
function lettersOf(text: string): string {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, '') || text
  );
}
