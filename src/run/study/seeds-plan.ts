import { GorpError } from '../../base/errors.ts';
import { difference } from '../checkpoint/fitting.ts';
import type { RunSettings } from '../settings.ts';
import { labelOf, ordersOf, type StudyPlan } from './study-plan.ts';

/** The part of a plan that has no other. */
const PART = 'study';

/**
 * Several methods on one order as a plan of one part, without a claim.
 *
 * @param all settings of each method, which differ in nothing else; at least one.
 */
export function planOfMethods(all: readonly RunSettings[], seeds: readonly number[]): StudyPlan {
  const [{ model, tasks, order, watch, training, perTask }] = all;
  const entries = all.map(({ method: { name, ...settings } }) => ({ method: name, settings }));
  return {
    ...{ schema: 'gorp-web/study-plan', version: 1, title: 'Methods and seeds', model, tasks },
    curves: true,
    ...(watch !== undefined && { watch }),
    training,
    parts: [
      {
        ...{ name: PART, about: `${model} on ${order.join(', ')}.`, orders: [order], seeds: [...seeds] },
        ...{ settings: {}, training: {}, ...(perTask !== undefined && { perTask }) },
        entries,
      },
    ],
  };
}

/**
 * A study with further methods and seeds. All else must be the same, since the runs stand in one table.
 *
 * @throws GorpError `run/other-study`, naming what is different.
 */
export function joined(there: StudyPlan, added: StudyPlan, out: string): StudyPlan {
  const [[before, ...others], [after]] = [there.parts, added.parts];
  const labels = before.entries.map(labelOf);
  const shared = after.entries.map(labelOf).filter((label) => labels.includes(label));
  const path = others.length > 0 ? 'parts' : difference(commonOf(there, shared), commonOf(added, shared));
  if (path !== null) {
    throw new GorpError(
      'run/other-study',
      `${out} holds the study “${there.title}” with another value of ${path}.`,
      'Name another folder with --out: runs that differ in more than method and seed do not stand in one table.',
    );
  }
  const entries = [...before.entries, ...after.entries.filter((entry) => !labels.includes(labelOf(entry)))];
  return { ...there, parts: [{ ...before, entries, seeds: [...new Set([...before.seeds, ...after.seeds])] }] };
}

/** What two studies that are joined must share, under the names that people know. */
function commonOf(
  { parts: [part], model, tasks, watch, training, claim }: StudyPlan,
  labels: readonly string[],
): unknown {
  const methods = part.entries.filter((entry) => labels.includes(labelOf(entry)));
  return {
    ...{ claim, model, tasks, watch, training, perTask: part.perTask },
    orders: ordersOf(part)
      .map((order) => order.join(', '))
      .join('; '),
    ...{ name: part.name, settings: part.settings, partTraining: part.training },
    methods: Object.fromEntries(methods.map((entry) => [labelOf(entry), entry])),
  };
}
