import { seededRandom } from '../../base/random.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { Results, TensorSpace } from '../../run/results/results.ts';
import { PUBLISHED_ORDERS } from '../../tasks/orders.ts';
import { resultsOfScript } from '../../testing/scripted-results.ts';

/** Invented results of a run of fifteen tasks on the 96 trained matrices of T5-large. */
export function largeResults(): Results {
  const order = PUBLISHED_ORDERS.find(({ rounds }) => rounds.length === 15)?.rounds.map(({ dataset }) => dataset) ?? [];
  const settings = { ...embeddedSettings('full', 'gorp'), tasks: 'https://example.org/CL_Benchmark/', order };
  const results = resultsOfScript({ ...settings, model: 'google-t5/t5-large' }, '2026-11-20T09:00:00.000Z');
  return {
    ...results,
    model: { ...results.model, name: 'google-t5/t5-large', parameters: 737_668_096, trainable: 101_449_728 },
    spaces: largeSpaces(order.length),
    health: largeHealth(order.length, results.curves.step.length, 400),
  };
}

const LAYERS = 24;
const WIDTH = 1024;

/** The 96 trained matrices of T5-large, for the map of ranks. */
const TENSORS: readonly { name: string; part: TensorSpace['part'] }[] = Array.from({ length: LAYERS }, (_, layer) =>
  (['q', 'v'] as const).flatMap((matrix) => [
    { name: `encoder.block.${layer}.layer.0.SelfAttention.${matrix}`, part: 'lora' as const },
    { name: `decoder.block.${layer}.layer.1.EncDecAttention.${matrix}`, part: 'full-rank' as const },
  ]),
).flat();

/** Invented spaces of T5-large after each task. */
export function largeSpaces(rounds: number): Results['spaces'] {
  const random = seededRandom(15);
  const totals = new Map<string, number>();
  return Array.from({ length: rounds }, (_, i) => ({
    round: i + 1,
    tensors: TENSORS.map(({ name, part }): TensorSpace => {
      const held = totals.get(name) ?? 0;
      const added = Math.min(WIDTH - held, 8 + Math.floor(60 * random.next() ** 2) + (i === 0 ? 40 : 0));
      totals.set(name, held + added);
      const heldBefore = i === 0 ? 0 : 0.5 + 0.3 * random.next();
      const spectrum = Array.from({ length: 48 }, (__, k) => (1 - heldBefore) * 0.12 * 0.88 ** k);
      return {
        name,
        part,
        dimension: WIDTH,
        added,
        total: held + added,
        heldBefore,
        spectrum,
        threshold: 0.97,
        orthonormality: 3e-7,
        directions: 16,
        angles: Array.from({ length: i }, (__, task) => ({
          task: task + 1,
          cosines: Array.from({ length: 16 }, (___, k) => (0.9 - 0.02 * task) * 0.9 ** k),
        })),
      };
    }),
  }));
}

/** Invented layer statistics of T5-large, sampled over some steps. */
const largeHealth = (rounds: number, steps: number, samples: number): Results['health'] =>
  Array.from({ length: samples }, (_, i) => {
    const round = Math.floor((i * rounds) / samples) + 1;
    return {
      round,
      step: Math.round(((i + 1) * steps) / samples),
      layers: TENSORS.map(({ name, part }, k) => ({
        name,
        part,
        gradientNorm: 0.1 + 0.05 * Math.sin(0.05 * i + k),
        projectedAway: round === 1 ? null : 0.3 + 0.2 * Math.sin(0.1 * i + k),
        leakage: round === 1 ? null : 1e-6,
      })),
    };
  });
