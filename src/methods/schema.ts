import * as v from 'valibot';
import { type MethodPlan, partOf, spaceOf } from '../gorp/part/method-plan.ts';
import { withoutGone } from './parts/gone-settings.ts';
import { METHOD_NAMES, type MethodName, type MethodSettings, methodOf, methodPreset, planOf } from './registry.ts';

/** Keys that versions before 0.2 wrote for every method, whether or not it had such a setting. */
const EARLIER_KEYS: ReadonlySet<string> = new Set([
  ...['schedule', 'adapters', 'fullRank', 'sharedSpace'],
  ...['loraRank', 'loraAlpha', 'loraDropout', 'learningRate', 'loraSpace', 'spaceSource', 'spaceSide', 'spaceRule'],
  ...['project', 'threshold', 'softness', 'taskRates', 'galoreRank', 'galoreLearningRate', 'galoreScale'],
  ...['updateProjGap', 'projType', 'projection', 'clipNorm', 'orthogonalPenalty', 'sparsityPenalty'],
]);

/** The four facts that define a method, as those versions wrote them with the settings. */
const earlierForm = (plan: MethodPlan): Record<string, unknown> => ({
  schedule: plan.schedule,
  adapters: partOf(plan, 'adapters')?.pairs ?? 'none',
  fullRank: partOf(plan, 'full-rank')?.form ?? 'none',
  sharedSpace: spaceOf(plan) !== undefined,
});

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (name: unknown): name is MethodName => METHOD_NAMES.some((known) => known === name);

/** Refuses what names no method. */
const NoMethodSchema = v.object({
  name: v.custom<MethodName>(
    isName,
    ({ input }) =>
      `There is no method ${JSON.stringify(input)} here. One of a plugin needs it: --plugin FILE on the command line`,
  ),
});

/**
 * Method settings from outside: the name of a method and exactly its settings, flat. Settings that are gone are left out
 * where they have the value that all methods train with, and refused where not. Files of versions before 0.2 have
 * the settings of all methods and four facts about this one. Settings that the method does not have are dropped, and
 * the facts must match the method.
 */
export const MethodSchema = v.pipe(
  v.unknown(),
  v.rawTransform<unknown, unknown>(({ dataset: { value }, addIssue, NEVER }) => {
    if (!isRecord(value) || !isName(value.name)) return value;
    const { name } = value;
    const { left, gone } = withoutGone(value, methodOf({ name }).settings);
    if (gone) {
      const { key, message } = gone;
      addIssue({ message, path: [{ type: 'object', origin: 'value', input: value, key, value: gone.value }] });
      return NEVER;
    }
    if (!Object.hasOwn(value, 'schedule')) return left;
    const wanted = earlierForm(planOf(methodPreset(name)));
    for (const [key, fact] of Object.entries(wanted)) {
      if (value[key] === fact) continue;
      addIssue({
        message: `${name} has ${key} ${JSON.stringify(fact)}, not ${JSON.stringify(value[key])}: no method trains this way.`,
        path: [{ type: 'object', origin: 'value', input: value, key, value: value[key] }],
      });
      return NEVER;
    }
    const { settings } = methodOf({ name });
    const own = Object.entries(left).filter(
      ([key]) => key === 'name' || Object.hasOwn(settings, key) || !EARLIER_KEYS.has(key),
    );
    return Object.fromEntries(own);
  }),
  // Looked up at each use, since plugins add methods.
  v.lazy((value) =>
    isRecord(value) && isName(value.name) ? methodOf({ name: value.name }).schema : NoMethodSchema,
  ) as v.GenericSchema<unknown, MethodSettings>,
);
