import type { TensorSpace } from '../../run/results.ts';
import type { ProjectionSample, RunState } from '../run-state.ts';

/** One projected tensor over the rounds of a run. */
export interface TensorRow {
  /** Hugging Face name. */
  name: string;
  part: TensorSpace['part'];
  dimension: number;
  /** Directions held after the latest round. */
  total: number;
  /** By round 1..T; undefined where the round has not ended. */
  rounds: (TensorSpace | undefined)[];
  /** The space spans its whole dimension: whatever gradient comes is taken away entirely. */
  full: boolean;
}

/** The spaces of a run as rows of a map: tensors in the order they were first named, columns rounds 1..`rounds`. */
export function tensorRows(spaces: RunState['spaces'], rounds: number): TensorRow[] {
  const rows = new Map<string, TensorRow>();
  for (const { round, tensors } of spaces) {
    for (const space of tensors) {
      const { name, part, dimension, total } = space;
      const row = rows.get(name) ?? {
        name,
        part,
        dimension,
        total,
        rounds: Array.from({ length: rounds }, () => undefined),
        full: false,
      };
      row.rounds[round - 1] = space;
      rows.set(name, { ...row, dimension, total, full: total >= dimension });
    }
  }
  return [...rows.values()];
}

/**
 * A Hugging Face layer name without what repeats in every row:
 * `encoder.block.0.layer.0.SelfAttention.q` → `encoder 0 SelfAttention.q`, `model.layers.12.mlp.gate_proj` → `12 mlp.gate_proj`.
 */
export function shortName(name: string): string {
  return name
    .replace(/^(encoder|decoder)\.block\.(\d+)\.layer\.\d+\./, '$1 $2 ')
    .replace(/^(?:model\.)?layers\.(\d+)\./, '$1 ');
}

/** Points of the energy spectrum of one tensor and round. Shares of the round's energy. */
export interface SpectrumPoint {
  /** Direction, from 1. */
  index: number;
  energy: number;
  /** Held before, plus this and all larger directions. */
  cumulative: number;
  /** Whether the direction was added to the space. */
  added: boolean;
}

export function spectrumPoints({ spectrum, heldBefore, added }: TensorSpace): SpectrumPoint[] {
  let cumulative = heldBefore;
  return spectrum.map((energy, i) => {
    cumulative += energy;
    return { index: i + 1, energy, cumulative, added: i < added };
  });
}

/** The projected-away share of each tensor over the run, as lines over steps. */
export function projectionLines(samples: readonly ProjectionSample[]): Map<string, { step: number; share: number }[]> {
  const lines = new Map<string, { step: number; share: number }[]>();
  for (const { step, tensors } of samples) {
    for (const { name, share } of tensors) {
      const line = lines.get(name);
      if (line === undefined) lines.set(name, [{ step, share }]);
      else line.push({ step, share });
    }
  }
  return lines;
}
