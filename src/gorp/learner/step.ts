import { type Batch, labelTokensOf } from '../../base/batch.ts';
import { mixSeed } from '../../base/random.ts';
import type { Program } from '../../device/device.ts';
import { adamStepSize } from '../../graph/ops/optimizer.ts';
import type { LayerStatistics } from '../layer-statistics.ts';
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
  const { device, progress, options } = core;
  if (!progress.training) throw new Error('step before beginTask');
  device.check();
  const gradients = await programs.gradients(batches.map(({ sizes }) => sizes));
  const optimizer = await programs.optimizer();
  if (programs.takesBasis) await programs.merge();
  writeScalars(core, rateFactor);
  const labelTokens = batches.reduce((sum, { rows }) => sum + labelTokensOf(rows), 0);
  const first: Program[] = [];
  for (const [i, { rows }] of batches.entries()) {
    const { batch, compiled } = gradients[i];
    batch.write(rows, labelTokens);
    const mask = mixSeed(options.seed, 'dropout', progress.totalSteps, i) >>> 0;
    device.write(core.dropoutStep.storage.buffer, 0, Uint32Array.of(mask));
    if (i < batches.length - 1) await device.run([compiled.program]);
    else first.push(compiled.program);
  }
  // A task's first step shows nothing about its adapters: while B is 0, A has no gradient.
  const update = optimizer.update(programs.isRefresh || progress.step === 1);
  await device.run([...first, optimizer.norm, update], core.ring.record());
  progress.isUnmerged = core.hasUnmerged;
  progress.step++;
  progress.totalSteps++;
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
