import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';

/**
 * The folder of an order's result files, as the released scripts lay them out: `logs_and_outputs/order_3/outputs`. An
 * order that was not published goes by `order_custom`.
 */
export function ordersFolder(order: readonly string[]): string {
  const isThis = ({ rounds }: (typeof PUBLISHED_ORDERS)[number]): boolean =>
    rounds.length === order.length && rounds.every(({ dataset }, i) => dataset === order[i]);
  return `logs_and_outputs/order_${PUBLISHED_ORDERS.find(isThis)?.order ?? 'custom'}/outputs`;
}

/** The folder of a round within it: `1-dbpedia`. What a file system would not take in a task's name becomes `_`. */
export const roundFolder = (round: number, name: string): string => `${round}-${name.replaceAll(/[^\w.-]+/g, '_')}`;
