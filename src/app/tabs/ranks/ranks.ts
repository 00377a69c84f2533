import type { LayerSample, Results, TensorSpace } from '../../../run/results/results.ts';
import { meanOf } from '../../state/scores.ts';

/** Before the first space, and before the first sample. */
export const NO_SPACES: Results['spaces'] = [];
export const NO_SAMPLES: readonly LayerSample[] = [];

/** One projected tensor over the rounds of a run. */
export interface TensorRow {
  /** Hugging Face name. */
  name: string;
  part: TensorSpace['part'];
  dimension: number;
  /** Directions held after the latest round. */
  total: number;
  /** By round 1..T; undefined for rounds not yet ended. */
  rounds: (TensorSpace | undefined)[];
  /** Whether the space spans its whole dimension, so that it removes every gradient entirely; a soft one never does. */
  full: boolean;
}

/** The spaces of a run as rows of a map: one row per tensor, in order of first appearance; columns are rounds. */
export function tensorRows(spaces: Results['spaces'], rounds: number, isSoft: boolean): TensorRow[] {
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
      rows.set(name, { ...row, dimension, total, full: !isSoft && total >= dimension });
    }
  }
  return [...rows.values()];
}

/** Parts of layer names in words: T5's, and those of decoder-only models. */
const PARTS: Readonly<Record<string, string>> = {
  SelfAttention: 'self-attention',
  EncDecAttention: 'cross-attention',
  self_attn: 'self-attention',
  DenseReluDense: 'MLP',
  mlp: 'MLP',
  q: 'query',
  k: 'key',
  v: 'value',
  o: 'output',
  q_proj: 'query',
  k_proj: 'key',
  v_proj: 'value',
  o_proj: 'output',
  gate_proj: 'gate',
  up_proj: 'up',
  down_proj: 'down',
  wi: 'up',
  wi_0: 'gate',
  wi_1: 'up',
  wo: 'down',
};

/**
 * A Hugging Face layer name in words, numbers from 0 as there: `encoder.block.0.layer.0.SelfAttention.q` → `encoder 0
 * self-attention query`, `model.layers.12.mlp.gate_proj` → `12 MLP gate`. A name of another form stays as it is.
 */
export function shortName(name: string): string {
  const match = /^(?:(encoder|decoder)\.block\.(\d+)\.layer\.\d+|(?:model\.)?layers\.(\d+))\.(.+)$/.exec(name);
  if (match === null) return name;
  const [, stack, block, layer, rest] = match;
  return [...(stack === undefined ? [layer] : [stack, block]), inWords(rest)].join(' ');
}

/** A part of a layer's name in words: `SelfAttention.q` → `self-attention query`. */
export const inWords = (path: string): string =>
  path
    .split('.')
    .map((part) => PARTS[part] ?? part)
    .join(' ');

/** A point of the energy spectrum of one tensor and round, in shares of the round's energy. */
interface SpectrumPoint {
  /** Direction, from 1. */
  index: number;
  energy: number;
  /** Share held before, plus this and all larger directions. */
  cumulative: number;
  /** Whether the direction was added to the space; always false for a soft space. */
  added: boolean;
}

export function spectrumPoints({ spectrum, heldBefore, added }: TensorSpace, isSoft: boolean): SpectrumPoint[] {
  let cumulative = heldBefore;
  return spectrum.map((energy, i) => {
    cumulative += energy;
    return { index: i + 1, energy, cumulative, added: !isSoft && i < added };
  });
}

/** A layer at one sampled step. */
export interface LayerPoint {
  step: number;
  gradientNorm: number;
  projectedAway: number | null;
  leakage: number | null;
}

/** The statistics of each layer over the run, by its name. */
export type LayerCourses = ReadonlyMap<string, readonly LayerPoint[]>;

export function layerLines(samples: readonly LayerSample[]): LayerCourses {
  const lines = new Map<string, LayerPoint[]>();
  for (const { step, layers } of samples) {
    for (const { name, gradientNorm, projectedAway, leakage } of layers) {
      const point = { step, gradientNorm, projectedAway, leakage };
      const line = lines.get(name);
      if (line === undefined) lines.set(name, [point]);
      else line.push(point);
    }
  }
  return lines;
}

/** One number of each point of a line; points without it are left out. */
export const lineOf = (
  line: readonly LayerPoint[],
  field: 'gradientNorm' | 'projectedAway' | 'leakage',
): { step: number; value: number }[] =>
  line.flatMap(({ step, [field]: value }) => (value === null ? [] : [{ step, value }]));

/**
 * How similar the main directions of two tasks are: the mean cosine of their principal angles, over all tensors.
 *
 * @returns by later and earlier task, both from 0; null if they were not compared.
 */
export function taskLikeness(spaces: Results['spaces'], tasks: number): (number | null)[][] {
  return Array.from({ length: tasks }, (_, later) => {
    const tensors = spaces.find(({ round }) => round === later + 1)?.tensors ?? [];
    return Array.from({ length: later }, (__, earlier) => {
      const cosines = tensors.map(({ angles }) => angles.find(({ task }) => task === earlier + 1)?.cosines ?? []);
      return meanOf(cosines.map(meanOf));
    });
  });
}

/** The angle of a cosine in degrees, from 0 to 90. */
export const degrees = (cosine: number): number => (Math.acos(Math.min(1, cosine)) * 180) / Math.PI;

/**
 * The angle expected between the directions of unrelated tasks: for random subspaces of k and l dimensions out of d,
 * the mean squared cosine is max(k, l) / d.
 */
export const chanceAngle = (k: number, l: number, dimension: number): number =>
  degrees(Math.sqrt(Math.max(k, l) / dimension));

/** A few numbers on the health of the run, from its spaces and the latest step. */
interface LayerSummary {
  /** The worst ‖SᵀS − I‖max of the latest round. */
  orthonormality: number | null;
  /** Means over layers at the latest step. */
  projectedAway: number | null;
  leakage: number | null;
  /** The layer with the largest gradient at the latest step. */
  largest: { name: string; gradientNorm: number } | null;
}

export function layerSummary(spaces: Results['spaces'], samples: readonly LayerSample[]): LayerSummary {
  const layers = samples.at(-1)?.layers ?? [];
  const errors = spaces.at(-1)?.tensors.map(({ orthonormality }) => orthonormality) ?? [];
  const [first] = layers.toSorted((a, b) => b.gradientNorm - a.gradientNorm);
  return {
    orthonormality: errors.length === 0 ? null : Math.max(...errors),
    projectedAway: meanOf(layers.map(({ projectedAway }) => projectedAway)),
    leakage: meanOf(layers.map(({ leakage }) => leakage)),
    largest: first === undefined ? null : { name: first.name, gradientNorm: first.gradientNorm },
  };
}
