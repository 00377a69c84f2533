import type { Task } from '../tasks/task.ts';

/** Number of test sentences. */
export const THINGS_PROMPTS = 200;

const NOUNS = { plant: ['tree', 'shrub', 'herb'], animal: ['cat', 'bird', 'horse'], food: ['cake', 'soup', 'drink'] };
const KINDS = ['tall', 'large', 'small', 'sweet', 'white', 'yellow', 'wild', 'common'];
const ENDS = ['of Asia', 'with red spots', 'that is sold at markets', 'from Wales', 'seen at night'];

/** Distinct labelled sentences about plants, animals and food. */
const EXAMPLES = KINDS.flatMap((kind) =>
  ENDS.flatMap((end) =>
    Object.entries(NOUNS).flatMap(([label, nouns]) =>
      nouns.map((noun) => ({ sentence: `a ${kind} ${noun} ${end}`, label })),
    ),
  ),
);

/** A task of a few words with {@link THINGS_PROMPTS} test examples. */
export const THINGS: Task = {
  name: 'things',
  kind: 'TC',
  instruction: 'What is the topic of the following paragraph? Choose one from the option.\n',
  labels: Object.keys(NOUNS),
  train: EXAMPLES.slice(THINGS_PROMPTS, THINGS_PROMPTS + 48),
  dev: [],
  test: EXAMPLES.slice(0, THINGS_PROMPTS),
};
