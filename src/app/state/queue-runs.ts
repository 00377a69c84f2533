import { type MethodName, withValues } from '../../methods/registry.ts';
import { publishedMethod, publishedOrderOf } from '../../run/planning/presets.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { startingMethod } from '../../run/settings/starting-values.ts';
import { orderId, PUBLISHED_ORDERS } from '../../tasks/orders.ts';

/** Orders of more tasks are not offered rotated. */
const MOST_ROTATED = 6;

/** Settings with another method, whose own settings are those published for the order, or the starting values of the model. */
export function withMethod(settings: RunSettings, name: MethodName): RunSettings {
  const order = publishedOrderOf(settings);
  return { ...settings, method: order === null ? startingMethod(settings.model, name) : publishedMethod(order, name) };
}

/** The same run with another method: what both methods have, such as rank and rate, stays as it is. */
export const sameWith = (settings: RunSettings, name: MethodName): RunSettings => {
  const other = withMethod(settings, name);
  return { ...other, method: withValues(other.method, settings.method) };
};

/** An order that can be queued. */
interface OfferedOrder {
  readonly name: string;
  readonly order: readonly string[];
}

/** The order in the form and others of the same tasks: reversed, rotated to start at each task, and published. */
export function offeredOrders(order: readonly string[]): OfferedOrder[] {
  const rotations =
    order.length > MOST_ROTATED
      ? []
      : order.slice(1).map((name, i) => ({
          name: `From ${name}`,
          order: [...order.slice(i + 1), ...order.slice(0, i + 1)],
        }));
  const published = PUBLISHED_ORDERS.map((one) => ({
    name: `Published order ${orderId(one)}`,
    order: one.rounds.map(({ dataset }) => dataset),
  }));
  const all = [
    { name: 'As set up', order },
    { name: 'Reversed', order: order.toReversed() },
    ...rotations,
    ...published.filter((one) => sameTasks(one.order, order)),
  ];
  const texts = all.map((one) => one.order.join('\n'));
  return all.filter((_, i) => texts.indexOf(texts[i]) === i);
}

const sameTasks = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));

/** Parses seeds such as `1, 2, 5-7`; null if invalid or more than {@link MOST_SEEDS}. */
export function parseSeeds(text: string): number[] | null {
  const seeds: number[] = [];
  for (const part of text.split(/[\s,;]+/).filter(Boolean)) {
    const match = /^(\d{1,9})(?:[-–](\d{1,9}))?$/.exec(part);
    if (match === null) return null;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last - first >= MOST_SEEDS) return null;
    for (let seed = first; seed <= last; seed++) if (!seeds.includes(seed)) seeds.push(seed);
  }
  return seeds.length === 0 || seeds.length > MOST_SEEDS ? null : seeds;
}

export const MOST_SEEDS = 20;

/** One run per method, order and seed. Seeds vary fastest, so that one setting finishes before the next begins. */
export function settingsOfQueue(
  draft: RunSettings,
  methods: readonly MethodName[],
  orders: readonly (readonly string[])[],
  seeds: readonly number[],
): RunSettings[] {
  return methods.flatMap((name) => {
    // The method chosen in the form keeps the settings entered for it.
    const base = name === draft.method.name ? draft : withMethod(draft, name);
    return orders.flatMap((order) =>
      seeds.map((seed) => ({ ...base, order: [...order], training: { ...base.training, seed } })),
    );
  });
}
