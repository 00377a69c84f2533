import { needsOf } from '../../gorp/part/method-plan.ts';
import { methodTitle, planOf } from '../../methods/registry.ts';
import type { RunSettings } from './settings.ts';

/** Names the state that a method hands from one task to the next, part by part. */
const handedOn = ({ method }: Pick<RunSettings, 'method'>): string[] =>
  planOf(method)
    .parts.map(({ needs: { handsOn = '' } }) => handsOn)
    .filter((text) => text !== '');

/** Whether a method can build on what another one has learned: it hands on the same. */
export const buildsOn = (before: Pick<RunSettings, 'method'>, now: Pick<RunSettings, 'method'>): boolean =>
  handedOn(before).sort().join() === handedOn(now).sort().join();

/** Names what a run protects. */
function whatIsProtected({ method, watch = [] }: RunSettings): string {
  const { protects } = needsOf(planOf(method));
  if (protects === undefined) return 'earlier tasks only';
  return ['general prompts', ...(protects === 'watched' ? watch.toSorted() : [])].join(', ');
}

/**
 * Why a method cannot teach a model more, and what else to do; null if it can.
 *
 * @param before the settings of the run that taught it.
 * @param known number of tasks that it was taught.
 * @param settings of the run that teaches it more, with all tasks in its order.
 */
export function teachingFault(
  before: RunSettings,
  known: number,
  settings: RunSettings,
): { problem: string; nextStep: string } | null {
  const { order, method } = settings;
  const [trained, chosen] = [before.method, method].map(methodTitle);
  if (planOf(method).schedule !== 'in-turn' || planOf(before.method).schedule !== 'in-turn') {
    const alone = planOf(method).schedule === 'in-turn' ? trained : chosen;
    return {
      problem: `${alone} does not teach tasks one after another`,
      nextStep: 'Choose a method that does, and begin with its base model.',
    };
  }
  const told = before.order.length;
  if (needsOf(planOf(before.method)).taskCount === true && known >= told) {
    return {
      problem: `${trained} must know the number of tasks before the first; it was told ${told}, and the model has learned ${told === 1 ? 'it' : 'all of them'}`,
      nextStep: `It cannot be taught more. Begin with its base model: teach it all ${order.length} tasks in one run, or use a method that need not know their number, such as gorp-plus.`,
    };
  }
  if (!buildsOn(before, settings)) {
    const [left, needed] = [handedOn(before), handedOn(settings)];
    const [only, missing] = [
      left.filter((one) => !needed.includes(one)),
      needed.filter((one) => !left.includes(one)),
    ].map((parts) => parts.join(', ') || 'nothing besides');
    const isSame = trained === chosen;
    return {
      problem: `${trained} has left ${only}, but ${isSame ? 'with these settings it' : chosen} builds on ${missing}`,
      nextStep: isSame ? `Give ${trained} the settings that it had.` : `Choose ${trained} as before.`,
    };
  }
  if (needsOf(planOf(method)).taskCount === true && order.length !== told) {
    return {
      problem: `${method.name} must know the number of tasks before the first; it was told ${told}, but the order has ${order.length}`,
      nextStep: `Teach it ${told - known === 1 ? '1 task' : `${told - known} tasks`} more in one run, as it was told.`,
    };
  }
  const learned = before.order.slice(0, known).join(', ');
  if (order.slice(0, known).join(', ') !== learned) {
    return {
      problem: `it has learned ${learned}, but the order begins differently`,
      nextStep: `Begin the order with ${learned}, and add new tasks after them.`,
    };
  }
  if (order.length <= known) {
    return {
      problem: `it has learned all ${known} tasks of the order`,
      nextStep: 'Add a task after those it has learned.',
    };
  }
  const [guarded, asked] = [before, settings].map(whatIsProtected);
  if (guarded !== asked) {
    return {
      problem: `it was taught to protect ${guarded}, not ${asked}, which is decided before the first task`,
      nextStep: 'Watch the same tasks and choose the same for Protects, or begin with its base model.',
    };
  }
  return null;
}
