import type { ErrorReport } from '../../base/errors.ts';
import { SOURCE_BUCKET } from '../../tasks/batches.ts';
import type { RunSettings } from '../settings/settings.ts';
import { kindOf, startingTraining } from '../settings/starting-values.ts';
import type { MeanLengths } from './duration.ts';
import { publishedOrderOf } from './presets.ts';

/** How many tokens the texts of a task take. */
export interface TaskLengths extends MeanLengths {
  /** Texts that a run would read for training and tests, and those of them that were counted. */
  readonly texts: number;
  readonly counted: number;
  /** Counted texts that the prompt length cuts. */
  readonly cut: number;
  /** Tokens of the longest counted prompt; null if it takes more than {@link LONGEST}. */
  readonly longest: number | null;
  /** Tokens of the longest label or counted answer, with its end. */
  readonly answer: number;
  /** Counted answers that the answer length cuts. Labels are never cut. */
  readonly shortened: number;
}

/** The lengths of a run's texts before it starts. */
export interface TextLengths {
  /** Of every task with prompts, or why it cannot be learned. Plain texts are read in windows, so nothing is cut. */
  readonly tasks: readonly (TaskLengths | { readonly name: string; readonly error: ErrorReport })[];
  /** Whether the model has a chat template that fits its tokenizer. */
  readonly hasTemplate: boolean;
  /** Maximum number of tokens that the model can read; null if it names none. */
  readonly positions: number | null;
}

/** The tasks whose texts have been counted. */
export const countedIn = (lengths: TextLengths | null): TaskLengths[] =>
  lengths?.tasks.flatMap((task) => ('error' in task ? [] : [task])) ?? [];

/** The longest prompts that are counted to their end, in tokens. */
export const LONGEST = 4096;

/** The shortest prompt length, in steps of 16, that cuts no counted text; null if a text is too long to be counted. */
export function enoughFor(lengths: TextLengths): number | null {
  const { positions } = lengths;
  const counted = countedIn(lengths);
  if (counted.length === 0 || counted.some(({ longest }) => longest === null)) return null;
  const longest = Math.max(...counted.map((task) => task.longest ?? 0));
  const answer = Math.max(...counted.map((task) => task.answer));
  const needed = Math.max(SOURCE_BUCKET, Math.ceil(longest / SOURCE_BUCKET) * SOURCE_BUCKET);
  return positions === null ? needed : Math.min(needed, positions - answer);
}

/**
 * The values that a chosen model has set by itself so far. It follows the texts as long as the settings still have
 * these values: what a person enters stays.
 */
export interface ModelDefaults {
  readonly model: string;
  readonly sourceLength: number;
  /** Whether the form of prompts has been set, which happens once. */
  readonly form: boolean;
}

/** Returns the values that a model which is just chosen has set: those that runs start with. */
export const firstModelDefaults = (model: string): ModelDefaults => ({
  model,
  sourceLength: startingTraining(model).sourceLength,
  form: false,
});

/** Whether a model's texts set values: the embedded models have the lengths of their tasks already, and published orders their own. */
const followsTexts = (settings: RunSettings, { model }: ModelDefaults): boolean =>
  settings.model === model && kindOf(model) !== 'embedded' && publishedOrderOf(settings) === null;

/** Whether the form of prompts will be set once the texts have been read. */
export const awaitsForm = (settings: RunSettings, modelDefaults: ModelDefaults): boolean =>
  !modelDefaults.form && followsTexts(settings, modelDefaults);

/**
 * Settings with what the model brings for its texts: prompts by its chat template, if it has one, and of the length that
 * the longest text needs, up to what runs start with.
 */
export function withTexts(
  settings: RunSettings,
  modelDefaults: ModelDefaults,
  lengths: TextLengths,
): { settings: RunSettings; modelDefaults: ModelDefaults } {
  const { model, training } = settings;
  const unchanged = { settings, modelDefaults };
  if (!followsTexts(settings, modelDefaults)) return unchanged;
  const start = startingTraining(model);
  if (!modelDefaults.form && lengths.hasTemplate && training.promptForm === start.promptForm) {
    // The texts are counted again in this form.
    return {
      settings: { ...settings, training: { ...training, promptForm: 'chat' } },
      modelDefaults: { ...modelDefaults, form: true },
    };
  }
  const known = { ...modelDefaults, form: true };
  if (training.sourceLength !== modelDefaults.sourceLength) return { settings, modelDefaults: known };
  const sourceLength = Math.min(enoughFor(lengths) ?? start.sourceLength, start.sourceLength);
  return {
    settings:
      sourceLength === training.sourceLength ? settings : { ...settings, training: { ...training, sourceLength } },
    modelDefaults: { ...known, sourceLength },
  };
}
