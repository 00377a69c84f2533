import {
  FAMILY_MODULES,
  type ModelModules,
  MODULE_SETTINGS,
  type Role,
  ROLES,
  rolesOf,
} from '../../run/trained-modules.ts';
import type { RunSettings } from '../../run/settings.ts';

/** How a module is trained: in one of the ways of the method, or not at all. */
export type Training = Role | 'frozen';

/** The modules that settings name for a way of training, or those of the family. */
const modulesFor = ({ training }: RunSettings, { defaults }: ModelModules, role: Role): readonly string[] =>
  training[MODULE_SETTINGS[role]] ?? defaults[role];

/** How a module is trained by a draft. */
export const trainingOf = (draft: RunSettings, model: ModelModules, name: string): Training =>
  rolesOf(draft).find((role) => modulesFor(draft, model, role).includes(name)) ?? 'frozen';

/** A draft with one module trained in another way; what comes to the family's own choice is saved as such. */
export function withTraining(draft: RunSettings, model: ModelModules, name: string, as: Training): RunSettings {
  const training = { ...draft.training };
  for (const role of rolesOf(draft)) {
    const chosen = new Set(modulesFor(draft, model, role));
    if (as === role) chosen.add(name);
    else chosen.delete(name);
    const names = model.modules.flatMap((module) => (chosen.has(module.name) ? [module.name] : []));
    training[MODULE_SETTINGS[role]] = names.join() === model.defaults[role].join() ? null : names;
  }
  return { ...draft, training };
}

/** A draft with the layers that the family of its model gives. */
export const withOwnLayers = (draft: RunSettings): RunSettings => ({
  ...draft,
  training: { ...draft.training, ...FAMILY_MODULES },
});

/** Whether any layers are named that need not be those of the family. */
export const namesLayers = ({ training }: RunSettings): boolean =>
  ROLES.some((role) => training[MODULE_SETTINGS[role]] !== null);

/** A module's name without what all names of a model repeat: `self_attn.q_proj`, `encoder.SelfAttention.q`. */
export const shortName = (name: string): string => name.replace(/\.(block|layers?)\.\*/g, '').replace(/^model\./, '');

/** How many layers of a draft are trained in each of the method's ways: `12 with LoRA, 6 full-rank`. */
export const layersInWords = (draft: RunSettings, model: ModelModules): string =>
  rolesOf(draft)
    .map((role) => {
      const names = modulesFor(draft, model, role);
      const layers = model.modules.reduce((sum, one) => sum + (names.includes(one.name) ? one.layers : 0), 0);
      return `${layers} ${role === 'lora' ? 'with LoRA' : 'full-rank'}`;
    })
    .join(', ');
