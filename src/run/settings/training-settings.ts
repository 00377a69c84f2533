import * as v from 'valibot';
import { initialValues } from '../../methods/parts/method.ts';
import {
  choice,
  COUNT,
  COUNT_OR_SHARE,
  COUNT_OR_ZERO,
  NOT_NEGATIVE,
  number,
  PART,
  POSITIVE,
  schemaOf,
  type Settings,
  type ValuesOf,
  WHOLE,
  wholeFrom,
} from '../../methods/parts/setting.ts';
import { MAX_ANSWER } from '../../tasks/labels.ts';
import { FAMILY_MODULES } from './trained-modules.ts';

/** Maximum length of a prompt in tokens: more than any supported model reads. */
export const MAX_PROMPT = 131_072;

/**
 * The settings of a run that do not depend on its method, as the page's form shows them: schema, form, command line and
 * defaults are made from this table. The defaults are for the embedded model.
 */
export const TRAINING_SETTINGS = {
  trainExamples: number({
    section: 'first',
    label: 'Training examples',
    help: 'Per task, balanced over its labels; 0 takes all.',
    range: COUNT_OR_ZERO,
    initial: 320,
  }),
  testExamples: number({
    section: 'first',
    label: 'Test examples',
    help: 'Per task. More are more precise but slower.',
    range: COUNT_OR_ZERO,
    initial: 100,
  }),
  epochs: number({
    section: 'first',
    label: 'Epochs',
    help: 'Passes over the examples of each task. More teach more; fewer keep more of what the model could do before.',
    range: COUNT,
    usual: [1, 30],
    initial: 2,
  }),
  batchSize: number({
    section: 'first',
    label: 'Batch size',
    help: 'Examples processed at once. Fewer need less memory.',
    range: COUNT,
    usual: [1, 128],
    initial: 8,
  }),
  seed: number({
    section: 'last',
    label: 'Seed',
    help: 'Same seed, settings and device: same run. Change it to see how much is chance.',
    range: WHOLE,
    initial: 1,
  }),
  groupByLength: choice({
    section: 'Training',
    label: 'Lengths in a batch',
    help: 'Similar: batches are drawn in pools sorted by length, for models that pad. Any: at random.',
    initial: 'on',
    before: 'on',
    options: [
      { value: 'on', label: 'similar' },
      { value: 'off', label: 'any' },
    ],
  }),
  batchTokens: number({
    section: 'Training',
    label: 'Tokens in a batch',
    help: 'Packs as many examples into a training batch as fit, in place of the batch size, which still holds for what is only read. What they begin with counts once. 0 packs none.',
    range: COUNT_OR_ZERO,
    usual: [256, 65_536],
    initial: 0,
    before: 0,
  }),
  gradientAccumulation: number({
    section: 'Training',
    label: 'Gradient accumulation',
    help: 'Batches per step. A step averages over the label tokens of all of them.',
    range: COUNT,
    initial: 1,
  }),
  maxGradNorm: number({
    section: 'Training',
    label: 'Largest gradient norm',
    help: 'Gradients are scaled down to this global norm.',
    range: POSITIVE,
    usual: [0.1, 10],
    initial: 1,
  }),
  lrSchedulerType: choice({
    section: 'Training',
    label: 'Course of the rates',
    help: 'Over the steps of each task: constant, or falling to 0 in a line or along half a cosine.',
    initial: 'constant',
    before: 'constant',
    options: [
      { value: 'constant', label: 'constant' },
      { value: 'linear', label: 'linear, to 0' },
      { value: 'cosine', label: 'cosine, to 0' },
    ],
  }),
  warmupRatio: number({
    section: 'Training',
    label: 'Warm-up',
    help: 'Share of each task’s steps over which the rates rise from 0, such as 0.1 or 10 %; 0 for none.',
    range: PART,
    usual: [0.01, 0.3],
    initial: 0,
    before: 0,
  }),
  warmupSteps: number({
    section: 'Training',
    label: 'Warm-up steps',
    help: 'The same as a number of steps. Give one of the two.',
    range: COUNT_OR_ZERO,
    initial: 0,
    before: 0,
  }),
  sourceLength: number({
    section: 'Training',
    label: 'Prompt length',
    help: 'Tokens; longer texts are cut, never the instruction.',
    range: wholeFrom(1, MAX_PROMPT),
    usual: [16, 4096],
    initial: 96,
  }),
  targetLength: number({
    section: 'Training',
    label: 'Answer length',
    help: 'Tokens; 0 for as long as the labels need. A label is never cut.',
    range: wholeFrom(0, MAX_ANSWER),
    initial: 0,
  }),
  promptForm: choice({
    section: 'Training',
    label: 'Prompts',
    help: 'The chat template makes the prompt a user’s turn and the label the answer. The run shows what the model reads.',
    initial: 'raw',
    before: 'raw',
    options: [
      { value: 'raw', label: 'as they are' },
      { value: 'chat', label: 'by the model’s chat template' },
    ],
  }),
  trainedBlocks: choice({
    section: 'Training',
    label: 'Trained blocks',
    help: 'Of each stack of blocks, all, or the later half: steps take less time, and trained layers half the memory. What the model knew changes less.',
    initial: 'all',
    before: 'all',
    options: [
      { value: 'all', label: 'all' },
      { value: 'later', label: 'the later half' },
    ],
  }),
  validationExamples: number({
    section: 'Training',
    label: 'Validation examples',
    help: 'Training examples of each task that are held out, or a share such as 10 %: their loss during training shows where it learns by heart. 0 for none.',
    range: COUNT_OR_SHARE,
    initial: 0,
    before: 0,
  }),
  validationSteps: number({
    section: 'Training',
    label: 'Validation interval',
    help: 'Steps between two measurements of that loss.',
    range: COUNT,
    initial: 20,
    before: 20,
    applies: ({ validationExamples }) => validationExamples !== 0,
  }),
  loadBest: choice({
    section: 'Training',
    label: 'A task ends with',
    help: 'The weights of its last step, or of the step at which the loss on its validation examples was lowest. These are kept on the device beside those in training.',
    initial: 'last',
    before: 'last',
    options: [
      { value: 'last', label: 'the weights of its last step' },
      { value: 'best', label: 'those of the lowest validation loss' },
    ],
  }),
  earlyStoppingPatience: number({
    section: 'Training',
    label: 'Early stopping',
    help: 'A task ends after this many validations in a row without a lower loss; 0 never ends one early.',
    range: COUNT_OR_ZERO,
    usual: [1, 10],
    initial: 0,
    before: 0,
  }),
  earlyStoppingThreshold: number({
    section: 'Training',
    label: 'Least gain',
    help: 'By how much a validation must lower the loss to count for early stopping.',
    range: NOT_NEGATIVE,
    usual: [0.001, 0.1],
    initial: 0,
    before: 0,
    applies: ({ earlyStoppingPatience }) => earlyStoppingPatience !== 0,
  }),
  evaluationBatchSize: number({
    section: 'Training',
    label: 'Test batch size',
    help: 'Examples answered at once.',
    range: COUNT,
    initial: 50,
  }),
  testSet: choice({
    section: 'Training',
    label: 'Tests on',
    help: 'Choose settings on the dev set. A task without one sets aside a fifth of its training examples.',
    initial: 'test',
    before: 'test',
    options: [
      { value: 'test', label: 'the test set' },
      { value: 'dev', label: 'the dev set' },
    ],
  }),
  testRounds: choice({
    section: 'Training',
    label: 'Tests after',
    help: 'Each task is followed by tests of all tasks learned so far and of the next one. Those after each task itself and after the last suffice for AP, BWT and just learned, and save most tests of long orders; forgetting and FWT are then unknown.',
    initial: 'every',
    before: 'every',
    options: [
      { value: 'every', label: 'every task' },
      { value: 'ends', label: 'itself and the last task' },
    ],
  }),
  commonQuestions: choice({
    section: 'Training',
    label: 'Common knowledge',
    help: 'Sixty short questions by the model’s chat template, before training and after each task, show what it still knows.',
    initial: 'asked',
    before: 'none',
    options: [
      { value: 'asked', label: 'asked, of models that chat' },
      { value: 'none', label: 'not asked' },
    ],
  }),
  frozenWeights: choice({
    section: 'Memory',
    label: 'Frozen weights',
    help: '16 bits as stored are exact; blocks of a GGUF file stay as they are, which is exact too. In small models, 8-bit blocks change the loss by up to 0.2 %, 4-bit by 0.8 %.',
    initial: 'f32',
    before: 'f32',
    options: [
      { value: 'f32', label: 'f32' },
      { value: 'stored', label: '16-bit, if stored so' },
      { value: '8-bit', label: '8-bit blocks' },
      { value: '4-bit', label: '4-bit blocks' },
    ],
  }),
  activations: choice({
    section: 'Memory',
    label: 'Activations',
    help: 'Recomputing gives the same numbers in a fraction of the memory but takes a third longer.',
    initial: 'keep',
    before: 'keep',
    options: [
      { value: 'keep', label: 'store' },
      { value: 'recompute', label: 'recompute' },
    ],
  }),
  /** Sums and gradients are f32 always. */
  arithmetic: choice({
    section: 'Memory',
    label: 'Products',
    help: 'f16 rounds weights and activations in large products; sums and gradients stay f32. Not every graphics card supports it.',
    initial: 'f32',
    before: 'f32',
    options: [
      { value: 'f32', label: 'f32' },
      { value: 'f16', label: 'f16, where faster' },
    ],
  }),
} as const satisfies Settings;

type Declared = ValuesOf<typeof TRAINING_SETTINGS>;

const entries = Object.fromEntries(
  Object.entries(TRAINING_SETTINGS).map(([name, setting]) => [name, schemaOf(setting)]),
) as unknown as { readonly [K in keyof Declared]: v.GenericSchema<unknown, Declared[K]> };

/**
 * The text by whose loss a run measures what its model could do before, or `none`. `included` comes with the project;
 * `own:NAME` is a custom task of texts.
 */
const generalText = v.optional(
  v.pipe(v.string(), v.regex(/^(included|none|own:.+)$/s, 'Choose included, none or own:NAME, a task of texts')),
  'none',
);

const modules = v.optional(v.nullable(v.array(v.string())), null);

export const TrainingSchema = v.strictObject({
  ...entries,
  /**
   * Layers that get LoRA, and that are trained full-rank, as `model.layers.*.self_attn.q_proj`; null for the defaults
   * of the model's family. Results of earlier versions lack them. The page shows them in its own list.
   */
  loraModules: modules,
  fullRankModules: modules,
  /** Results of earlier versions lack it, and measured none. */
  generalText,
});
export type TrainingSettings = v.InferOutput<typeof TrainingSchema>;

/** The default values, as a new object each time. */
export const initialTraining = (): TrainingSettings => ({
  ...initialValues(TRAINING_SETTINGS),
  ...FAMILY_MODULES,
  generalText: 'included',
});
