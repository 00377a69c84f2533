import { reportOf } from '../base/errors.ts';
import { chooseDevice } from '../device/choice.ts';
import { asRefusal } from '../run/planning/memory-plan.ts';
import { modulesOfConfig } from '../run/models/model-modules.ts';
import { planRun, storedTypes } from '../run/planning/plan-run.ts';
import { workAhead } from '../run/planning/planned-work.ts';
import type { ModelModules } from '../run/settings/trained-modules.ts';
import { parseModelReference } from '../weights/model-reference.ts';
import { readOutline, readOutlineHere, requireReference } from '../weights/source.ts';
import { webgpu } from './device-host.ts';
import { openPlaces } from './model-places.ts';
import type { PlanAnswer, PlanCommand } from './protocol.ts';

/** Plans the memory and work of a run whose tasks have not been read. */
export async function plan(command: PlanCommand): Promise<PlanAnswer> {
  const { settings, device: choice, access, mayAsk, labels, outline: known } = command;
  const { model, method, training } = settings;
  let modules: ModelModules | null = null;
  try {
    const read = mayAsk ? readOutline : readOutlineHere;
    const outline =
      known ?? (await read(requireReference(parseModelReference(model), model), await openPlaces(access)));
    if (outline === null) return { type: 'unknown-model' };
    const { config } = outline;
    modules = modulesOfConfig(config);
    const { kind, limits } = await chooseDevice(choice, webgpu);
    const work = workAhead(settings, labels);
    const storedAs = storedTypes(outline);
    const { memory, effort } = await planRun({ config, method, training, work, storedAs, device: { kind, limits } });
    return { type: 'planned', plan: memory, effort, outline, modules };
  } catch (thrown) {
    return { type: 'unplanned', error: reportOf(asRefusal(thrown, training)), modules };
  }
}
