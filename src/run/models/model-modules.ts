import { familyOf } from '../../models/families.ts';
import { layersOfModules, targetModules, type TargetModules } from '../../models/targets.ts';
import { type Chosen, type ModelModules, trainedModules } from '../settings/trained-modules.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** The modules of the model that a config.json describes. @throws GorpError `model/…`. */
export function modulesOfConfig(config: unknown): ModelModules {
  const { read, targets } = familyOf(config);
  return modulesOf(read(config).shapes, targets);
}

/** The modules of a model, from its parameters, and those that its family trains. */
export function modulesOf(shapes: Shapes, { lora, fullRank }: TargetModules): ModelModules {
  const modules = targetModules(shapes);
  const picked = (pattern: RegExp): string[] => modules.flatMap(({ name }) => (pattern.test(name) ? [name] : []));
  return { modules, defaults: { lora: picked(lora), fullRank: picked(fullRank) } };
}

/** The layers that a run trains. @throws GorpError `settings/modules`. */
export function chosenTargets(chosen: Chosen, shapes: Shapes, family: TargetModules): TargetModules {
  const { lora, fullRank } = trainedModules(chosen, modulesOf(shapes, family));
  return { lora: layersOfModules(lora), fullRank: layersOfModules(fullRank) };
}
