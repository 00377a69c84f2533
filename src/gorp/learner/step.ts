import { type Batch, type BatchSizes, labelTokensOf } from '../../base/batch.ts';
import { mixSeed } from '../../base/random.ts';
import type { Program } from '../../device/device.ts';
import { adamStepSize } from '../../graph/ops/optimizer.ts';
import { PASSES } from '../../linear-algebra/block-power.ts';
import { type GradientProgram, sizesIn } from '../part/gradient-programs.ts';
import type { LayerStatistics } from '../part/layer-statistics.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './programs.ts';

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

const sizesOf = ({ network, model }: LearnerCore, batches: readonly Batch[]): BatchSizes[] =>
  batches.map((rows) => sizesIn(network, model, rows));

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
