import { type Batch, type BatchSizes, labelTokensOf } from '../../base/batch.ts';
import { mixSeed } from '../../base/random.ts';
import type { Device, Program } from '../../device/device.ts';
import { compile, type Compiled } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { adamStepSize, clipFactor } from '../../graph/ops/optimizer.ts';
import { PASSES, type Turn } from '../../linear-algebra/block-power.ts';
import { type GradientProgram, GradientPrograms, type GradientUse } from '../part/gradient-programs.ts';
import type { LayerStatistics } from '../part/layer-statistics.ts';
import type { Part, UpdateParts } from '../part/part.ts';
import type { LearnerCore } from './core.ts';

/** The numbers of a step, read back from the device. */
export interface StepRecord {
  loss: number;
  gradientNorm: number;
  layers: LayerStatistics[];
}

/** One optimizer step: see {@link Learner.step}. */
export async function takeStep(
  core: LearnerCore,
  programs: LearnerPrograms,
  batches: readonly Batch[],
  rateFactor: number,
): Promise<void> {
  const { device, progress } = core;
  if (!progress.training) throw new Error('step before beginTask');
  device.check();
  const { takesBasis } = programs;
  const isAlone = core.options.gradientAccumulation === 1;
  if (takesBasis) await programs.merge();
  if (takesBasis && !isAlone) await takeBases(core, programs, batches);
  const use = takesBasis && isAlone ? 'refresh' : 'gradients';
  const gradients = await programs.gradients(sizesOf(core, batches), use);
  const optimizer = await programs.optimizer();
  writeScalars(core, rateFactor);
  const last = await runAllButLast(core, gradients, batches);
  // A task's first step shows nothing about its adapters: while B is 0, A has no gradient.
  const update = optimizer.update(programs.isRefresh || progress.step === 1);
  await device.run([last, optimizer.norm, update], core.ring.record());
  progress.isUnmerged = core.hasUnmerged;
  progress.step++;
  progress.totalSteps++;
}

const sizesOf = ({ network }: LearnerCore, batches: readonly Batch[]): BatchSizes[] =>
  batches.map((rows) => network.sizes(rows));

/** Runs the programs of a step's micro-batches but for the last, which it returns with its inputs written. */
async function runAllButLast(
  { device, progress, options, dropoutStep }: LearnerCore,
  programs: readonly GradientProgram[],
  batches: readonly Batch[],
): Promise<Program> {
  const labelTokens = labelTokensOf(batches.flat());
  for (const [i, rows] of batches.entries()) {
    const { batch, compiled } = programs[i];
    batch.write(rows, labelTokens);
    const mask = mixSeed(options.seed, 'dropout', progress.totalSteps, i) >>> 0;
    device.write(dropoutStep.storage.buffer, 0, Uint32Array.of(mask));
    if (i === batches.length - 1) return compiled.program;
    await device.run([compiled.program]);
  }
  throw new Error('a step without batches');
}

/** Computes new bases from the summed gradients of micro-batches: each pass goes through them twice. */
async function takeBases(core: LearnerCore, programs: LearnerPrograms, batches: readonly Batch[]): Promise<void> {
  const { device, parts } = core;
  const sizes = sizesOf(core, batches);
  await device.run([await programs.turn('begin')]);
  for (let pass = 1; pass <= PASSES; pass++) {
    for (const half of ['away', 'back'] as const) {
      const [gradients, turn] = [
        await programs.gradients(sizes, half),
        await programs.turn(half === 'away' ? 'away' : pass < PASSES ? 'begin' : 'last'),
      ];
      for (const part of parts) part.beginHalf?.(half);
      await device.run([await runAllButLast(core, gradients, batches), turn]);
    }
  }
}

/** Writes Adam's step sizes and clears the loss and, if micro-batches are added up, the gradients. */
function writeScalars({ device, parts, progress, options, rates, loss }: LearnerCore, rateFactor: number): void {
  const sizes = (['adapters', 'full-rank'] as const).map((of, i) => {
    const rate = parts.find(({ learningRate }) => learningRate?.of === of)?.learningRate?.rate ?? 0;
    return adamStepSize(rate * progress.rateFactors[i] * rateFactor, progress.step + 1);
  });
  device.write(rates.storage.buffer, 0, Float32Array.from(sizes));
  device.write(loss.storage.buffer, 0, new Float32Array(1));
  if (options.gradientAccumulation > 1) for (const part of parts) part.clearGradients?.();
}

/** Numbers of the steps since the last call; resolves after the device has finished these steps. */
export async function takeRecords({ ring, meters }: LearnerCore): Promise<StepRecord[]> {
  const steps = await ring.take();
  return steps.map(([loss, clip, ...energies]) => ({
    loss: loss[0],
    gradientNorm: clip[0],
    layers: meters.statistics(energies),
  }));
}

/** The parts that an optimizer needs. */
interface OptimizerParts extends Pick<UpdateParts, 'meters' | 'clip' | 'rates'> {
  readonly parts: readonly Part[];
  readonly maxGradNorm: number;
}

/**
 * The programs that follow the gradients in a step: norm and clip factor, the update, and the merge of projections'
 * pairs.
 */
class OptimizerPrograms {
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

/** Steps between two measurements of what a space removes, if no basis is refreshed. */
const MEASURING_GAP = 10;

/** The programs of a task: gradients by batch shape, and what follows them in a step. Compiled at first use. */
export class LearnerPrograms {
  readonly #core: LearnerCore;
  #gradients: GradientPrograms;
  #optimizer: OptimizerPrograms | undefined;
  readonly #turns = new Map<Turn, Compiled>();

  constructor(core: LearnerCore) {
    this.#core = core;
    this.#gradients = this.#fresh();
  }

  #fresh(): GradientPrograms {
    const { device, network, model, loss, options } = this.#core;
    const { gradientAccumulation: accumulation, recompute = false } = options;
    return new GradientPrograms(device, network, model, loss, { accumulation, recompute });
  }

  /** Whether the next step computes new bases and measures what spaces remove. */
  get isRefresh(): boolean {
    return this.#core.progress.step % this.gap === 0;
  }

  /** Steps from one of these to the next. */
  get gap(): number {
    return this.#core.parts.find((part) => part.gap !== undefined)?.gap ?? MEASURING_GAP;
  }

  /** Whether projections compute a new basis in the next step. */
  get takesBasis(): boolean {
    return this.isRefresh && this.#core.hasUnmerged;
  }

  /** Takes the memory of the gradients of micro-batches to come: see {@link GradientPrograms.reserve}. */
  async reserve(sizes: readonly BatchSizes[]): Promise<void> {
    const { hasUnmerged, options } = this.#core;
    const bases: readonly GradientUse[] = options.gradientAccumulation === 1 ? ['refresh'] : ['away', 'back'];
    for (const use of ['gradients' as const, ...(hasUnmerged ? bases : [])]) await this.#gradients.reserve(sizes, use);
  }

  /** Programs of micro-batches of these sizes. */
  gradients(sizes: readonly BatchSizes[], use: GradientUse): Promise<GradientProgram[]> {
    return this.#gradients.of(sizes, use);
  }

  /** Returns the program between the halves of passes over several micro-batches, for new bases. */
  async turn(turn: Turn): Promise<Program> {
    const known = this.#turns.get(turn);
    if (known) return known.program;
    const { device, parts, meters } = this.#core;
    const g = new Graph();
    for (const part of parts) part.recordTurn?.(g, turn, meters);
    const compiled = await compile(device, `turn ${turn}`, g, []);
    this.#turns.set(turn, compiled);
    return compiled.program;
  }

  async optimizer(): Promise<OptimizerPrograms> {
    const { device, parts, options, meters, clip, rates } = this.#core;
    const { maxGradNorm } = options;
    return (this.#optimizer ??= await OptimizerPrograms.compile(device, { parts, maxGradNorm, meters, clip, rates }));
  }

  /**
   * Merges the pairs of projections into the weights: the model computes the same, and tests see the whole change.
   */
  async merge(): Promise<void> {
    const { progress } = this.#core;
    const { isUnmerged } = progress;
    progress.isUnmerged = false;
    // A learner that resumed in the middle of a task may have no programs yet.
    if (!isUnmerged) return;
    await (await this.optimizer()).merge();
    this.#core.merges++;
  }

  /** Destroys all programs: what they refer to is about to change. */
  drop(): void {
    this.#gradients.destroy();
    this.#gradients = this.#fresh();
    this.#optimizer?.destroy();
    this.#optimizer = undefined;
    for (const turn of this.#turns.values()) turn.destroy();
    this.#turns.clear();
  }
}
