import type { MethodPlan } from '../../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './adapters.ts';
import { projected, PROJECTED_SETTINGS } from './full-rank.ts';
import { inTurn } from './method.ts';
import type { ValuesOf } from './setting.ts';
import { space, SPACE_SETTINGS } from './space.ts';

/** All settings of GORP: adapters, a projected gradient, and the space that both avoid. */
export const GORP_SETTINGS = {
  ...ADAPTER_SETTINGS,
  ...PROJECTED_SETTINGS,
  ...SPACE_SETTINGS,
};

/** GORP: a new pair per task and projected full-rank weights, both projected out of the space. */
export const gorpPlan = (values: ValuesOf<typeof GORP_SETTINGS>): MethodPlan =>
  inTurn(space(values), adapters('per-task', values), projected(values));
