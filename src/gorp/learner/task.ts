import { mixSeed, type Random, seededRandom } from '../../base/random.ts';
import type { SizedBatch, TokenPair } from '../../models/network.ts';
import { InputCovariances } from '../activations.ts';
import type { Matrix } from '../matrix.ts';
import { keepsDirections, type MethodState, thresholdOf } from '../method-plan.ts';
import { growSpaces, type NamedGrowth } from '../space-growth.ts';
import { SquaredGradients } from '../squared-gradients.ts';
import { compensation } from '../task-rates.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './programs.ts';

/** What a learner reads from a task at its end. */
export interface TaskData {
  /** Batches of its training prompts, for spaces that come from the layers' inputs. */
  readonly sample: readonly SizedBatch[];
  /** Batches of one example each, as many as the plan's pass `squares` needs. */
  readonly singles?: readonly SizedBatch[];
  /** All training examples, in the order of the data. */
  readonly examples?: readonly TokenPair[];
}

/** Begins a task: see {@link Learner.beginTask}. */
export async function beginTask(
  core: LearnerCore,
  programs: LearnerPrograms,
  sample: readonly SizedBatch[],
): Promise<void> {
  const { plan, progress, options, lora, full } = core;
  const keepsOwn = keepsDirections(plan);
  // Read this first: it throws if the number is not known.
  const tasks = keepsOwn || plan.space?.rises === true ? core.tasks : 0;
  progress.task++;
  progress.step = 0;
  progress.training = true;
  await programs.merge();
  programs.drop();
  const fresh = progress.task === 1 || plan.adapters?.pairs === 'per-task';
  const keeps = plan.schedule !== 'apart';
  if (fresh && keeps && progress.task > 1) for (const group of lora) await group.adapters.freeze();
  for (const group of lora) {
    group.beginTask(mixSeed(options.seed, 'task', progress.task), fresh, progress.task);
    group.prepareTerms(plan.loss, progress.state);
  }
  if (plan.adapters?.design === 'inputs') {
    const covariances = await inputCovariances(core, sample); // B is 0, so the fresh pair does not affect them
    for (const group of lora) group.designA(covariances);
  }
  for (const group of full) group.beginTask();
  if (keepsOwn) for (const group of full) await group.freezeDirections(progress.task, tasks);
  progress.rateFactors = await compensations(core, sample);
}

/** Factors of the learning rates of adapters and of full-rank weights in the new task. */
async function compensations(
  core: LearnerCore,
  sample: readonly SizedBatch[],
): Promise<readonly [lora: number, full: number]> {
  const spaces = [core.lora, core.full].map((groups) => groups.flatMap(({ space }) => [...(space?.spaces ?? [])]));
  if (core.plan.space?.rates !== 'compensated' || spaces.flat().length === 0) return [1, 1];
  const covariances = await inputCovariances(core, sample);
  const [lora, full] = spaces.map((each) => compensation(each, covariances));
  return [lora, full];
}

/** Ends a task: see {@link Learner.endTask}. */
export async function endTask(core: LearnerCore, programs: LearnerPrograms, data: TaskData): Promise<NamedGrowth[]> {
  const { plan, progress, device, groups } = core;
  progress.training = false;
  await programs.merge();
  programs.drop();
  if (plan.endTask) progress.state = await nextState(core, data);
  if (!plan.space) return [];
  const covariances = plan.space.source === 'activation' ? await inputCovariances(core, data.sample) : undefined;
  const threshold = plan.space.rises ? thresholdOf(plan.space, progress.task, core.tasks) : plan.space.threshold;
  return growSpaces(device, groups, { ...plan.space, threshold }, progress.task, covariances);
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

async function squaredGradients(core: LearnerCore, singles: readonly SizedBatch[]): Promise<Map<string, Matrix>> {
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

async function inputCovariances(core: LearnerCore, sample: readonly SizedBatch[]): Promise<Map<string, Matrix>> {
  const sums = new InputCovariances(core.device, core.network, core.parts);
  try {
    await sums.prepare(sample.map(({ sizes }) => sizes));
    for (const batch of sample) await sums.add(batch);
    return await sums.read();
  } finally {
    sums.destroy();
  }
}
