import {
  type FrozenDirections,
  type MethodPlan,
  type PlainPlan,
  plainWeights,
  type ProjectedPlan,
  projectedWeights,
} from '../../gorp/part/method-plan.ts';
import { ADAPTER_SETTINGS, adapters } from './adapters.ts';
import { inTurn } from './method.ts';
import { choice, COUNT, number, POSITIVE, type ValuesOf } from './setting.ts';
import { space, SPACE_SETTINGS } from './space.ts';

/** Settings of full-rank weights trained on the full gradient. */
export const PLAIN_SETTINGS = {
  galoreLearningRate: number({
    section: 'first',
    label: 'Learning rate, full rank',
    help: 'Adam’s step for the full-rank weights.',
    range: POSITIVE,
    usual: [1e-7, 1e-2],
    initial: 1e-3,
  }),
};

/** Settings of full-rank weights trained on compressed gradients, as published for orders 1-3 of GORP. */
export const PROJECTED_SETTINGS = {
  ...PLAIN_SETTINGS,
  galoreRank: number({
    section: 'Low-rank gradient',
    label: 'Gradient rank',
    help: 'Number of singular vectors that a gradient is compressed to.',
    range: COUNT,
    usual: [1, 256],
    initial: 8,
  }),
  galoreScale: number({
    section: 'Low-rank gradient',
    label: 'Scale',
    help: 'Factor on the projected update.',
    range: POSITIVE,
    initial: 1,
  }),
  updateProjGap: number({
    section: 'Low-rank gradient',
    label: 'Refresh interval',
    help: 'Steps between two computations of the basis.',
    range: COUNT,
    usual: [1, 500],
    initial: 10,
  }),
  clipNorm: choice({
    section: 'Low-rank gradient',
    label: 'Norm for clipping',
    help: 'Which norm is used. That of the full gradient costs time in every step.',
    initial: 'projected',
    before: 'exact',
    options: [
      { value: 'projected', label: 'of the compressed gradient' },
      { value: 'exact', label: 'of the full gradient' },
    ],
  }),
};

/** Full-rank weights trained on the full gradient. @param frozen main directions that updates leave alone. */
export const plain = (
  { galoreLearningRate }: ValuesOf<typeof PLAIN_SETTINGS>,
  frozen: FrozenDirections | null = null,
): PlainPlan => plainWeights(galoreLearningRate, frozen);

/** Full-rank weights trained on the compressed gradient that the settings describe. */
export const projected = (values: ValuesOf<typeof PROJECTED_SETTINGS>): ProjectedPlan =>
  projectedWeights({
    learningRate: values.galoreLearningRate,
    rank: values.galoreRank,
    scale: values.galoreScale,
    gap: values.updateProjGap,
    clipNorm: values.clipNorm,
  });

/** All settings of GORP: adapters, a projected gradient, and the space that both avoid. */
export const GORP_SETTINGS = {
  ...ADAPTER_SETTINGS,
  ...PROJECTED_SETTINGS,
  ...SPACE_SETTINGS,
};

/** GORP: a new pair per task and projected full-rank weights, both projected out of the space. */
export const gorpPlan = (values: ValuesOf<typeof GORP_SETTINGS>): MethodPlan =>
  inTurn(space(values), adapters('per-task', values), projected(values));
