import type { Batch, TokenPair } from '../../base/batch.ts';
import { mixSeed, seededRandom } from '../../base/random.ts';
import type { EndedTask, NamedGrowth, OnPart, ReadInputs, TaskOf } from '../part/part.ts';
import { InputCovariances } from '../spaces/covariances.ts';
import type { LearnerCore } from './core.ts';
import type { LearnerPrograms } from './step.ts';

/** The examples that a learner reads from a task at its end. */
export interface TaskData {
  /** Batches of its training prompts, for spaces that come from the layers' inputs. */
  readonly sample: readonly Batch[];
  /** Batches of its prompts for parts that read prompts; the sample by default. */
  readonly prompts?: readonly Batch[];
  /** Batches of one example each, as many as a part asks for. */
  readonly singles?: readonly Batch[];
  /** Training examples for a part that remembers some, in the order of the data; and whether their answers are free. */
  readonly examples?: readonly TokenPair[];
  readonly isFree?: boolean;
  /** Answers prompts by the model as it is, for a part that remembers its answers. */
  readonly answer?: EndedTask['answer'];
}

/** Protects what the model could do before: see {@link Learner.protect}. */
export async function protect(core: LearnerCore, sample: readonly Batch[], onPart: OnPart = noted): Promise<void> {
  const { progress, parts } = core;
  if (progress.isProtected) return;
  if (progress.task > 0) throw new Error('the base model is protected before the first task');
  const protecting = parts.filter((part) => part.protect !== undefined);
  if (protecting.length === 0) throw new Error('no part protects the base model');
  await withInputs(core, sample, onPart, async (inputs) => {
    for (const part of protecting) await part.protect?.(inputs);
  });
  progress.isProtected = true;
}

/** Begins a task: see {@link Learner.beginTask}. */
export async function beginTask(
  core: LearnerCore,
  programs: LearnerPrograms,
  { sample, prompts = sample }: Pick<TaskData, 'sample' | 'prompts'>,
  onPart: OnPart = noted,
): Promise<void> {
  const { progress, parts } = core;
  core.checkTasks(); // before anything changes
  progress.task++;
  progress.step = 0;
  progress.training = true;
  core.kept?.forget();
  await programs.merge();
  programs.drop();
  const task = taskOf(core, prompts, onPart);
  for (const part of parts) await part.beginTask?.(task);
  progress.rateFactors = [1, 1];
  const reading = parts.filter(({ readsInputsAtBegin }) => readsInputsAtBegin === true);
  if (reading.length === 0) return;
  // B is 0, so a fresh pair does not affect the inputs.
  await withInputs(
    core,
    sample,
    async (done) => onPart(done, sample.length),
    async ({ sums }) => {
      for (const part of reading) {
        const factors = await part.beginWithInputs?.(sums);
        if (factors) progress.rateFactors = factors;
      }
    },
  );
}

/** Ends a task: see {@link Learner.endTask}. */
export async function endTask(
  core: LearnerCore,
  programs: LearnerPrograms,
  { sample, prompts = sample, singles = [], examples = [], isFree = false, answer = unanswered }: TaskData,
  onPart: OnPart = noted,
): Promise<NamedGrowth[]> {
  const { progress, options, loss, parts } = core;
  progress.training = false;
  await programs.merge();
  programs.drop();
  const { task } = progress;
  const random: EndedTask['random'] = (stream) => seededRandom(mixSeed(options.seed, 'method', task, stream));
  const ended: EndedTask = { ...taskOf(core, prompts, onPart), singles, examples, isFree, answer, loss, random };
  const growths: NamedGrowth[] = [];
  for (const part of parts) growths.push(...((await part.endTask?.(ended)) ?? []));
  const reading = parts.filter((part) => part.endWithInputs !== undefined);
  if (reading.length === 0) return growths;
  await withInputs(core, sample, onPart, async (inputs) => {
    for (const part of reading)
      growths.push(...((await part.endWithInputs?.(ended, inputs, progress.isProtected)) ?? []));
  });
  return growths;
}

function taskOf(core: LearnerCore, prompts: readonly Batch[], onPart: OnPart): TaskOf {
  const { device, network, model, progress, options } = core;
  const { seed, recompute = false } = options;
  return { device, network, model, task: progress.task, tasks: () => core.tasks, seed, recompute, prompts, onPart };
}

const unanswered: EndedTask['answer'] = () => Promise.reject(new Error('nobody answers the prompts of this task'));

/** For work whose progress nobody follows. */
const noted: OnPart = () => Promise.resolve();

/** Reads a sample, and hands over XᵀX of every input. @param onPart told of the batches, then of the sums. */
async function withInputs(
  core: LearnerCore,
  sample: readonly Batch[],
  onPart: OnPart,
  use: (inputs: ReadInputs) => Promise<void>,
): Promise<void> {
  const covariances = new InputCovariances(core.device, core.network, core.model);
  const total = sample.length + (core.inputSpaces?.inputs.length ?? 0);
  try {
    await covariances.prepare(sample.map((rows) => core.network.sizes(rows)));
    for (const [done, batch] of sample.entries()) {
      await onPart(done, total);
      await covariances.add(batch);
    }
    await use({ sums: covariances.sums, onPart: (done) => onPart(sample.length + done, total) });
  } finally {
    covariances.destroy();
  }
}
