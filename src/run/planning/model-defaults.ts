import { publishedOrderOf } from './presets.ts';
import type { RunSettings } from '../settings/settings.ts';
import { kindOf, startingTraining } from '../settings/starting-values.ts';
import { enoughFor, type TextLengths } from './text-lengths.ts';

/**
 * What a chosen model has set by itself so far. It follows the texts as long as the settings still have these values:
 * what a person enters stays.
 */
export interface ModelDefaults {
  readonly model: string;
  readonly sourceLength: number;
  /** Whether the form of prompts has been set, which happens once. */
  readonly form: boolean;
}

/** What a model that is just chosen has set: the values that runs start with. */
export const firstModelDefaults = (model: string): ModelDefaults => ({
  model,
  sourceLength: startingTraining(model).sourceLength,
  form: false,
});

/**
 * Settings with what the model brings for its texts: prompts by its chat template, if it has one, and of the length that
 * the longest text needs, up to what runs start with. The embedded models have the lengths of their tasks already, and
 * published orders their own.
 */
export function withTexts(
  settings: RunSettings,
  modelDefaults: ModelDefaults,
  lengths: TextLengths,
): { settings: RunSettings; modelDefaults: ModelDefaults } {
  const { model, training } = settings;
  const unchanged = { settings, modelDefaults };
  if (modelDefaults.model !== model || kindOf(model) === 'embedded' || publishedOrderOf(settings) !== null)
    return unchanged;
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
