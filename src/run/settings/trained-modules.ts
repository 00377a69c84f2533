import { GorpError } from '../../base/errors.ts';
import { partOf } from '../../gorp/part/method-plan.ts';
import { type MethodSettings, planOf } from '../../methods/registry.ts';

/** The two ways in which layers are trained. */
export const ROLES = ['lora', 'fullRank'] as const;
export type Role = (typeof ROLES)[number];

/** Names of the modules trained in each way. */
type TrainedModules = Readonly<Record<Role, readonly string[]>>;

/** The modules that a model has (`TargetModule` of src/models/targets.ts), and those that its family trains by default. */
export interface ModelModules {
  modules: { name: string; layers: number; out: number; inputs: number }[];
  defaults: { lora: string[]; fullRank: string[] };
}

/** The settings that name modules. */
export const MODULE_SETTINGS = { lora: 'loraModules', fullRank: 'fullRankModules' } as const;

/** Settings of a run that trains its model family's default modules. */
export const FAMILY_MODULES = { loraModules: null, fullRankModules: null } as const;

type ModuleSetting = (typeof MODULE_SETTINGS)[Role];

/** The settings of a run that the choice of layers depends on. */
export interface Chosen {
  readonly method: MethodSettings;
  /** Names of modules; null for the defaults of the model's family. */
  readonly training: Readonly<Record<ModuleSetting, readonly string[] | null> & { trainedBlocks: 'all' | 'later' }>;
}

/** The number of the first block whose layers are trained: 0, or where the later half begins, the middle block included. */
export const firstTrained = ({ layers }: { layers: number }, { training }: Pick<Chosen, 'training'>): number =>
  training.trainedBlocks === 'later' ? Math.floor(layers / 2) : 0;

/** The part of a method that trains layers in a way. */
const PART_OF = { lora: 'adapters', fullRank: 'full-rank' } as const;

/** The ways in which a method trains layers. */
export const rolesOf = ({ method }: Pick<Chosen, 'method'>): Role[] =>
  ROLES.filter((role) => partOf(planOf(method), PART_OF[role]) !== undefined);

/**
 * The problem with the modules in the settings: the setting and a sentence; null if there is none.
 *
 * @param model null if the model is not known yet.
 */
export function modulesProblem(
  chosen: Chosen,
  model: ModelModules | null,
): { setting: ModuleSetting; message: string } | null {
  const roles = rolesOf(chosen);
  for (const role of roles) {
    const setting = MODULE_SETTINGS[role];
    const names = chosen.training[setting];
    if (names?.length === 0) {
      const words = role === 'lora' ? 'get LoRA' : 'are trained full-rank';
      return { setting, message: `No layers ${words}, but ${chosen.method.name} needs some.` };
    }
    const unknown = names?.find((name) => model && !model.modules.some((module) => module.name === name));
    if (unknown !== undefined) return { setting, message: `The model has no layers ${unknown}.` };
  }
  if (model === null || roles.length < ROLES.length) return null;
  const { lora, fullRank } = named(chosen, model);
  const both = fullRank.find((name) => lora.includes(name));
  if (both === undefined) return null;
  return { setting: 'fullRankModules', message: `${both} cannot both get LoRA and be trained full-rank.` };
}

const named = ({ training }: Chosen, { defaults }: ModelModules): TrainedModules => ({
  lora: training.loraModules ?? defaults.lora,
  fullRank: training.fullRankModules ?? defaults.fullRank,
});

/**
 * The modules that a run trains: those in its settings, else the family's defaults. None for a role that its method
 * does not train.
 *
 * @throws GorpError `settings/modules`, naming the module and the available ones.
 */
export function trainedModules(chosen: Chosen, model: ModelModules): TrainedModules {
  const problem = modulesProblem(chosen, model);
  if (problem !== null) {
    throw new GorpError(
      'settings/modules',
      `Setting training.${problem.setting}: ${problem.message}`,
      `Name any of ${model.modules.map(({ name }) => name).join(', ')}, or use null for the family's defaults.`,
    );
  }
  const roles = rolesOf(chosen);
  const { lora, fullRank } = named(chosen, model);
  return { lora: roles.includes('lora') ? lora : [], fullRank: roles.includes('fullRank') ? fullRank : [] };
}

/** Whether two choices train the same layers of a model in the same way. */
export function trainsSame(a: Chosen, b: Chosen, model: ModelModules): boolean {
  const sorted = (chosen: Chosen): string => {
    const trained = trainedModules(chosen, model);
    return JSON.stringify([chosen.training.trainedBlocks, ...ROLES.map((role) => [...trained[role]].sort())]);
  };
  return sorted(a) === sorted(b);
}
