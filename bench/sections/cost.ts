import type { Report } from '../../src/bench/bench.ts';
import { costs, costTables } from '../gpu-model/tables.ts';

/**
 * What steps, tests and decoding would take on three graphics cards: estimates of a model, not measurements. Needs no
 * adapter, since it only records programs.
 */
export async function costSection(): Promise<Report> {
  const numbers = await costs();
  return {
    numbers,
    text: `Milliseconds on paper: estimate / roofline = ratio. A model, not a measurement.\n\n${costTables(numbers)}`,
  };
}
