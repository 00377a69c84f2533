import type { Report } from '../../src/bench/bench.ts';
import { spaceCosts, spaceTable } from '../gpu-model/space-tables.ts';
import { costs, costTables } from '../gpu-model/tables.ts';

/**
 * What steps, tests, decoding and spaces of inputs would take on three graphics cards: estimates of a model, not
 * measurements. Needs no adapter, since it only records programs.
 */
export async function costSection(): Promise<Report> {
  const programs = await costs();
  const spaces = await spaceCosts();
  const text = [
    'Milliseconds on paper: estimate / roofline = ratio. A model, not a measurement.',
    costTables(programs),
    `### Spaces of inputs, gorp-plus, 8 × 128 tokens a step\n\n${spaceTable(spaces)}`,
  ];
  return { numbers: { programs, spaces }, text: text.join('\n\n') };
}
