import type { Device, Program } from '../device/device.ts';
import { type Compiled, compile } from '../graph/compile.ts';
import { Graph } from '../graph/graph.ts';
import { clipFactor } from '../graph/ops/optimizer.ts';
import type { Part, UpdateParts } from './part.ts';

/** What an optimizer needs. */
export interface OptimizerParts extends Pick<UpdateParts, 'meters' | 'clip' | 'rates'> {
  readonly parts: readonly Part[];
  readonly maxGradNorm: number;
}

/** What follows the gradients in a step: norm and clip factor, the update, and the merge of projections' pairs. */
export class OptimizerPrograms {
  readonly #device: Device;
  readonly #parts: readonly Part[];
  readonly #compiled: readonly Compiled[];
  /** The method's terms of the loss, then the squared norms of all gradient stacks and the clip factor. */
  readonly norm: Program;
  readonly #update: Program;
  readonly #measuringUpdate: Program;
  readonly #merge: Program;

  private constructor(device: Device, parts: readonly Part[], [norm, measuring, merge, plain]: readonly Compiled[]) {
    this.#device = device;
    this.#parts = parts;
    this.#compiled = [norm, measuring, merge, ...(plain ? [plain] : [])];
    this.norm = norm.program;
    this.#measuringUpdate = measuring.program;
    this.#update = (plain ?? measuring).program;
    this.#merge = merge.program;
  }

  /** Compiles for the groups at the beginning of a task, with the spaces of earlier tasks. */
  static async compile(device: Device, parts: OptimizerParts): Promise<OptimizerPrograms> {
    // Without a space there is nothing to measure.
    const hasSpace = parts.parts.some(({ groups }) => groups?.some(({ space }) => space?.isActive));
    const graphs: [string, Graph][] = [
      ['gradient norm', normGraph(parts)],
      ['update', updateGraph(parts, true)],
      ['merge', mergeGraph(parts)],
      ...(hasSpace ? [['update', updateGraph(parts, false)] as [string, Graph]] : []),
    ];
    const compiled: Compiled[] = [];
    try {
      for (const [name, g] of graphs) compiled.push(await compile(device, name, g, []));
    } catch (error) {
      for (const one of compiled) one.destroy();
      throw error;
    }
    return new OptimizerPrograms(device, parts.parts, compiled);
  }

  /** Adam for everything that is trained. @param measures whether it records what spaces remove and what leaks back. */
  update(measures: boolean): Program {
    return measures ? this.#measuringUpdate : this.#update;
  }

  /** Merges the pairs of projections into the weights. */
  async merge(): Promise<void> {
    await this.#device.run([this.#merge]);
    for (const part of this.#parts) part.merged?.();
  }

  destroy(): void {
    for (const one of this.#compiled) one.destroy();
  }
}

function normGraph({ parts, maxGradNorm, meters, clip }: OptimizerParts): Graph {
  const g = new Graph();
  for (const part of parts) part.recordTerms?.(g);
  for (const part of parts) part.recordSquares?.(g, meters);
  clipFactor(g, meters.squares, maxGradNorm, clip);
  return g;
}

function updateGraph({ parts, meters, clip, rates }: OptimizerParts, measures: boolean): Graph {
  const g = new Graph();
  for (const part of parts) part.recordUpdate?.({ g, clip, rates, meters, measures });
  return g;
}

function mergeGraph({ parts }: OptimizerParts): Graph {
  const g = new Graph();
  for (const part of parts) part.recordMerge?.(g);
  return g;
}
