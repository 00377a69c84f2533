import type { Batch, TokenPair } from '../../base/batch.ts';
import { mixSeed, type Random, seededRandom } from '../../base/random.ts';
import { InputCovariances } from '../spaces/covariances.ts';
import { writeDesignedA } from '../adapters/designed-adapter.ts';
import type { FullRankGroup } from '../full-rank/full-rank-group.ts';
import { GateReading } from '../gates/gate-reads.ts';
import type { GateReads } from '../gates/gate-spaces.ts';
import type { Gates } from '../gates/gates.ts';
import type { OnPart } from '../spaces/input-spaces.ts';
import type { CovarianceSum } from '../spaces/layer-inputs.ts';
import type { LoraGroup } from '../adapters/lora-group.ts';
import type { Matrix } from '../../linear-algebra/matrix.ts';
import { hasRisingThreshold, keepsDirections, type MethodState } from '../method-plan.ts';
import { growFromInputs, growFromMoments, type NamedGrowth } from '../spaces/space-growth.ts';
import { SquaredGradients } from '../adapters/squared-gradients.ts';
import { compensation } from '../task-rates.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './programs.ts';

/** What a learner reads from a task at its end. */
export interface TaskData {
  /** Batches of its training prompts, for spaces that come from the layers' inputs. */
  readonly sample: readonly Batch[];
  /** Batches of its prompts for the gates of adapters; the sample by default. */
  readonly prompts?: readonly Batch[];
  /** Batches of one example each, as many as the plan's pass `squares` needs. */
  readonly singles?: readonly Batch[];
  /** All training examples, in the order of the data. */
  readonly examples?: readonly TokenPair[];
}

/** Protects what the model could do before: see {@link Learner.protect}. */
export async function protect(core: LearnerCore, sample: readonly Batch[], onPart: OnPart = noted): Promise<void> {
  const { progress, inputSpaces } = core;
  if (progress.isProtected) return;
  if (inputSpaces === undefined) throw new Error('a space of inputs without inputs');
  if (progress.task > 0) throw new Error('the base model is protected before the first task');
  const more = inputSpaces.inputs.length;
  await withCovariances(core, sample, { onPart, more }, ({ sums }) =>
    inputSpaces.protect(sums, (done) => onPart(sample.length + done, sample.length + more)),
  );
  progress.isProtected = true;
}

/** Begins a task: see {@link Learner.beginTask}. */
export async function beginTask(
  core: LearnerCore,
  programs: LearnerPrograms,
  { sample, prompts = sample }: Pick<TaskData, 'sample' | 'prompts'>,
  onPart: OnPart = noted,
): Promise<void> {
  const { plan, progress, options, lora, full } = core;
  const keepsOwn = keepsDirections(plan);
  // Read this first: it throws if the number is not known.
  const tasks = keepsOwn || hasRisingThreshold(plan.space) || core.gates ? core.tasks : 0;
  progress.task++;
  progress.step = 0;
  progress.training = true;
  await programs.merge();
  programs.drop();
  const fresh = progress.task === 1 || plan.adapters?.pairs === 'per-task';
  const keeps = plan.schedule !== 'apart';
  if (fresh && keeps && progress.task > 1) for (const group of lora) await group.adapters.freeze();
  for (const group of lora) {
    await group.beginTask(mixSeed(options.seed, 'task', progress.task), fresh, progress.task);
    group.prepareTerms(plan.loss, progress.state);
  }
  for (const group of full) group.beginTask();
  if (core.gates) await beginGate(core, core.gates, prompts);
  if (keepsOwn) {
    for (const { trainer, weights } of core.plain) await trainer.freezeDirections(weights, progress.task, tasks);
  }
  const isDesigned = plan.adapters?.design === 'inputs';
  const isCompensated = plan.space?.spaceSource === 'activation' && plan.space.taskRates === 'compensated';
  progress.rateFactors = [1, 1];
  if (!isDesigned && !(isCompensated && core.inputSpaces?.isActive)) return;
  // B is 0, so a fresh pair does not affect the inputs.
  await withCovariances(core, sample, { onPart, more: 0 }, async ({ sums }) => {
    if (isDesigned) await designAdapters(core, sums);
    if (isCompensated) progress.rateFactors = await compensations(core, sums);
  });
}

/** Starts the gate of a task. */
async function beginGate(core: LearnerCore, gates: Gates, prompts: readonly Batch[]): Promise<void> {
  const { progress, options } = core;
  const seed = mixSeed(options.seed, 'task', progress.task);
  await gates.beginTask(progress.task, seed);
  const [, , reads] = await readsOf(core, gates, prompts);
  gates.setKey(reads, seed);
}

async function readsOf(
  { device, network, parts }: LearnerCore,
  gates: Gates,
  prompts: readonly Batch[],
): Promise<GateReads> {
  const reading = new GateReading(device, network, gates, parts.parameters);
  try {
    return await reading.read(prompts);
  } finally {
    reading.destroy();
  }
}

/** Gives every layer the A designed from its inputs and the space of earlier tasks. */
async function designAdapters(
  { device, lora, inputSpaces }: LearnerCore,
  sums: readonly CovarianceSum[],
): Promise<void> {
  for (const { tensor, names } of sums) {
    const adapters = lora.filter(({ layers }) => names.some((name) => layers.names.includes(name)));
    const A = adapters.flatMap(({ layers, adapters: { A } }) =>
      layers.names.filter((name) => names.includes(name)).map((name) => A.view(name, false)),
    );
    if (A.length > 0) await writeDesignedA(device, tensor, inputSpaces?.viewOf(names[0]), A);
  }
}

/** Factors of the learning rates of adapters and of full-rank weights in the new task. */
async function compensations(
  { lora, full, inputSpaces }: LearnerCore,
  sums: readonly CovarianceSum[],
): Promise<readonly [lora: number, full: number]> {
  const shares = await inputSpaces?.sharesOutside(sums);
  const factor = (groups: readonly (LoraGroup | FullRankGroup)[]): number =>
    compensation(
      groups.flatMap(({ layers }) =>
        layers.names.map((name) => shares?.get(inputSpaces?.inputOf(name).name ?? '') ?? 1),
      ),
    );
  return [factor(lora), factor(full)];
}

/** Ends a task: see {@link Learner.endTask}. */
export async function endTask(
  core: LearnerCore,
  programs: LearnerPrograms,
  data: TaskData,
  onPart: OnPart = noted,
): Promise<NamedGrowth[]> {
  const { plan, progress, device, groups, inputSpaces } = core;
  progress.training = false;
  await programs.merge();
  programs.drop();
  if (plan.endTask) progress.state = await nextState(core, data);
  if (core.gates) {
    core.gates.endTask(await readsOf(core, core.gates, data.prompts ?? data.sample), progress.task, core.tasks);
  }
  if (!plan.space) return [];
  if (plan.space.spaceSource === 'moment') return growFromMoments(device, groups, plan.space);
  if (inputSpaces === undefined) throw new Error('a space of inputs without inputs');
  const tasks = hasRisingThreshold(plan.space) ? core.tasks : 1;
  const more = inputSpaces.inputs.length;
  const read = data.sample.length;
  return withCovariances(core, data.sample, { onPart, more }, (covariances) =>
    growFromInputs(
      inputSpaces,
      groups,
      covariances,
      { task: progress.task + Number(progress.isProtected), tasks },
      (done) => onPart(read + done, read + more),
    ),
  );
}

/** The method's state after the task, including what it stored before. */
async function nextState(core: LearnerCore, { singles = [], examples = [] }: TaskData): Promise<MethodState> {
  const { plan, progress, options, lora } = core;
  const { task, state } = progress;
  const squares = plan.passes.squares > 0 ? await squaredGradients(core, singles) : new Map<string, Matrix>();
  const adapters = async (): Promise<Map<string, Matrix>> =>
    new Map((await Promise.all(lora.map((group) => group.readPair()))).flat());
  const random = (stream: string): Random => seededRandom(mixSeed(options.seed, 'method', task, stream));
  return plan.endTask?.({ task, examples, state, squares, adapters, random }) ?? state;
}

async function squaredGradients(core: LearnerCore, singles: readonly Batch[]): Promise<Map<string, Matrix>> {
  const { device, network, parts, loss, options } = core;
  const { recompute = false } = options;
  const squares = new SquaredGradients(device, network, parts, loss, { recompute });
  try {
    for (const one of singles) await squares.add(one);
    return await squares.read();
  } finally {
    squares.destroy();
  }
}

/** For work whose progress nobody follows. */
const noted: OnPart = () => Promise.resolve();

/** Reads a sample, and hands over C of every input. @param more parts of the work that follow. */
async function withCovariances<T>(
  core: LearnerCore,
  sample: readonly Batch[],
  { onPart, more }: { onPart: OnPart; more: number },
  use: (covariances: InputCovariances) => Promise<T>,
): Promise<T> {
  const covariances = new InputCovariances(core.device, core.network, core.parts);
  try {
    await covariances.prepare(sample.map(({ sizes }) => sizes));
    for (const [done, batch] of sample.entries()) {
      await onPart(done, sample.length + more);
      await covariances.add(batch);
    }
    return await use(covariances);
  } finally {
    covariances.destroy();
  }
}
