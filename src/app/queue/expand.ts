import type { MethodName } from '../../methods/registry.ts';
import { embeddedMethod, publishedMethod, publishedOrderOf } from '../../run/presets.ts';
import type { RunSettings } from '../../run/settings.ts';
import { orderId, PUBLISHED_ORDERS } from '../../tasks/orders.ts';

/** Orders of more tasks are offered as they are and reversed only. */
const MOST_ROTATED = 6;

/** Settings with another method; its own settings are those that go with the order. */
export function withMethod(settings: RunSettings, name: MethodName): RunSettings {
  const order = publishedOrderOf(settings);
  return { ...settings, method: order === null ? embeddedMethod(name) : publishedMethod(order, name) };
}

/** An order that can be queued. */
export interface OfferedOrder {
  readonly name: string;
  readonly order: readonly string[];
}

/** The order of the set-up and others of the same tasks: reversed, begun at each other task, as published. */
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

/** Seeds from a text such as `1, 2, 5-7`; null where it is none. At most {@link MOST_SEEDS}. */
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

/** Every method with every order and every seed: seeds next to each other, so that a setting is done before the next. */
export function settingsOfQueue(
  draft: RunSettings,
  methods: readonly MethodName[],
  orders: readonly (readonly string[])[],
  seeds: readonly number[],
): RunSettings[] {
  return methods.flatMap((name) => {
    // The method of the set-up keeps what was entered for it.
    const base = name === draft.method.name ? draft : withMethod(draft, name);
    return orders.flatMap((order) =>
      seeds.map((seed) => ({ ...base, order: [...order], training: { ...base.training, seed } })),
    );
  });
}
