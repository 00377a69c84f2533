import { type Batch, type BatchSizes, type PlannedBatch, tokensOf } from '../../base/batch.ts';
import { type CountingDevice, countingDevice, type DeviceOutline, type Work } from '../../device/counting-device.ts';
import type { Device, Program } from '../../device/device.ts';
import { Learner } from '../../gorp/learner.ts';
import { PROGRAM_LIMIT } from '../../gorp/part/gradient-programs.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { type MethodSettings, planOf } from '../../methods/registry.ts';
import type { ModelOutline } from '../../weights/model-folder.ts';
import { Evaluations, poolRows } from '../evaluation/evaluation-programs.ts';
import { type PlannedAnswers, sizesOfPrompts } from '../evaluation/free-answers.ts';
import { frozenPacking } from '../models/frozen-weights.ts';
import { chosenTargets, networkOf } from '../models/open-network.ts';
import { compileScoring } from '../probes/general-text-probe.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import { answersOfPrompt, spaceSamples } from '../tasks/space-samples.ts';
import { type Effort, NO_WORK, sumOf, type TestEffort, times } from './duration.ts';
import { type MemoryPlan, type MemoryMoment, PARTS, type Parts, totalOf } from './memory-plan.ts';
import { type PlannedWork, tokensIn } from './planned-work.ts';

/** The facts that a memory plan depends on. */
export interface MemoryQuestion {
  /** The model's config.json. */
  readonly config: unknown;
  readonly method: MethodSettings;
  readonly training: Pick<
    TrainingSettings,
    | 'sourceLength'
    | 'gradientAccumulation'
    | 'frozenWeights'
    | 'activations'
    | 'loadBest'
    | 'loraModules'
    | 'fullRankModules'
    | 'trainedBlocks'
  >;
  readonly work: PlannedWork;
  /** The type of a parameter in the checkpoint, as safetensors or GGUF names it; F32 by default. */
  readonly storedAs?: (name: string) => string | undefined;
  readonly device: DeviceOutline;
}

/** The type of a parameter in its checkpoint: as a GGUF file tells for each, or config.json for all; otherwise F32. */
export function storedTypes({ config, types }: ModelOutline): (name: string) => string | undefined {
  if (types !== null) return (name) => types.get(name);
  const { dtype, torch_dtype: earlier } = (config ?? {}) as Record<string, unknown>;
  const declared = { float16: 'F16', bfloat16: 'BF16' }[String(dtype ?? earlier)] ?? 'F32';
  return () => declared;
}

/** Bytes of buffers by use. Nothing is being read back. */
export function bytesByPart({ buffers }: Device): Parts {
  const parts = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<keyof Parts, number>;
  for (const { purpose, bytes } of buffers.live) parts[purpose] += bytes;
  return parts;
}

/** The memory and work of a run. */
export interface RunPlan {
  readonly memory: MemoryPlan;
  readonly effort: Effort;
}

/**
 * The memory and work of a run, computed without a GPU or weights: everything is set up on a device that only counts,
 * as in the last task, with the longest texts and the largest possible spaces.
 *
 * @throws GorpError `model/bad-config`, `settings/…`, or `device/buffer-too-large` when something needs a larger buffer than
 *   the limits allow.
 */
export async function planRun(question: MemoryQuestion): Promise<RunPlan> {
  const { config, method, training, work, storedAs } = question;
  const device = countingDevice(question.device);
  const { network, targets: familyTargets } = networkOf(device, config, {
    sourceLength: training.sourceLength,
    targetLength: longestAnswer(work, training.sourceLength),
    byPrompt: needsOf(planOf(method)).byPrompt !== undefined,
  });
  const { shapes } = network;
  const targets = chosenTargets(question, shapes, familyTargets);
  const plan = planOf(method);
  const learner = await Learner.create(
    device,
    network,
    plan,
    targets,
    {
      seed: 0,
      maxGradNorm: 1,
      gradientAccumulation: training.gradientAccumulation,
      keepsWeights: training.loadBest === 'best',
      recompute: training.activations === 'recompute',
      packing: (name) => frozenPacking(training.frozenWeights, name, shapes.get(name) ?? [], storedAs?.(name) ?? 'F32'),
    },
    null,
  );
  const moments = new Map<MemoryMoment, Parts>();
  const note = (moment: MemoryMoment, readBack: number, moreInputs = 0): void => {
    // On the CPU, read-back copies straight from the device's memory, without another buffer.
    const own = bytesByPart(device);
    const inputs = own.inputs + moreInputs;
    const parts = { ...own, inputs, readBack: question.device.kind === 'webgpu' ? readBack : 0 };
    const before = moments.get(moment);
    if (before === undefined || totalOf(before) < totalOf(parts)) moments.set(moment, parts);
  };

  const isProtected = work.protects.length > 0;
  const sizesOf = (batch: Batch | PlannedBatch): BatchSizes =>
    'B' in batch ? network.plannedSizes(batch) : network.sizes(batch);
  const trained = sizesOf(work.packed ?? work.batch);
  const { gradients, gradientInputs, bases, optimizer } = await learner.reserveTraining(
    work.tasks,
    [trained],
    isProtected,
  );
  const [checkpoint, host] = [learner.savedBytes(work.tasks), learner.hostBytes(work.tasks)];
  const microBatch = sumOf([programsOf(device, gradients), times(bases.perStep, programsOf(device, bases.programs))]);
  const step = sumOf([times(training.gradientAccumulation, microBatch), programsOf(device, optimizer)]);
  // The loss on held-out examples has its own memory beside that of a step.
  const heldOut = new Evaluations(device, network, learner.layersInTraining, 1);
  let validation: Effort['validation'] = null;
  if (work.validation !== null) {
    const { forward } = await heldOut.lossOf(sizesOf(work.validation));
    validation = perUnit(device, forward.program, tokensIn(work.validation));
  }
  note('training', learner.recordBytes, (Math.min(work.shapes, PROGRAM_LIMIT) - 1) * gradientInputs);

  heldOut.destroy();

  let space: Effort['space'] = null;
  const samples = spaceSamples(method, network);
  const measured = sizesOf({ ...work.batch, answers: answersOfPrompt(samples, work.batch.T) });
  const { S, T } = work.batch;
  const ofOne = sizesOf({ B: 1, S, T, shared: 0 });
  const readBatches = Math.ceil(Math.max(samples.begin, samples.end) / work.batch.B);
  const readSizes = Math.min(readBatches, work.shapes);
  let single: Effort['single'] = null;
  for await (const { largestBytes, spaces, ofSingle } of learner.reserveMeasuring([measured], ofOne)) {
    note('measuring', largestBytes, (readSizes - 1) * (spaces?.readInputs ?? 0));
    if (ofSingle) single = programsOf(device, ofSingle);
    if (spaces) {
      const build = sumOf([programsOf(device, spaces.growth.programs), space?.build ?? NO_WORK]);
      space = { samples, read: device.workOf(spaces.read), build };
    }
  }

  if (work.protects.length > 0) {
    for await (const { largestBytes } of learner.reserveMeasuring(work.protects.map(sizesOf), ofOne))
      note('measuring', largestBytes);
  }

  learner.reserveTesting(work.tasks);
  let generalText: Effort['generalText'] = null;
  if (work.generalText !== null) {
    const { rows, tokens } = work.generalText;
    const scoring = await compileScoring({ device, network, layers: learner.layers }, rows, true);
    note('reading', scoring.readBytes);
    const each = times(1 / tokensOf(rows), programsOf(device, scoring.programs));
    generalText = times(tokens, each);
    scoring.destroy();
  }
  const evaluations = new Evaluations(device, network, learner.layers, work.answer + 1);
  const labelled: TestEffort[] = [];
  for (const { pool, ...sizes } of work.tests) {
    const { generation, prefill, rank } = await evaluations.of(sizes);
    const rows = poolRows(network, pool);
    const decoded =
      rows > 0
        ? await evaluations.decoder(evaluations.pool({ ...pool, B: rows }), rows)
        : await evaluations.decoder(generation, sizes.B);
    const { B, tokens, nodes, choices } = sizes;
    note('testing', Math.max(B * (work.answer + 1), nodes + choices) * 4);
    labelled.push({
      read: perUnit(device, prefill.program, tokens),
      rank: perUnit(device, rank.program, nodes),
      write: perUnit(device, decoded.program, rows > 0 ? rows : B),
    });
  }
  const free: TestEffort[] = [];
  for (const test of work.freeTests) {
    if ('text' in test) {
      const { forward } = await evaluations.lossOf(sizesOf(test.text));
      note('testing', 4);
      const read = perUnit(device, forward.program, tokensIn(test.text));
      free.push({ read, rank: read, write: NO_WORK });
      continue;
    }
    const { B, tokens, nodes } = test.written;
    const { generation, prefill, rank } = await evaluations.of(test.written);
    const decoded = await evaluations.decoder(generation, B);
    note('testing', Math.max(B * (work.answer + 1), nodes) * 4);
    free.push({
      read: perUnit(device, prefill.program, tokens),
      rank: perUnit(device, rank.program, nodes),
      write: perUnit(device, decoded.program, B),
    });
  }
  evaluations.destroy();
  const answering = async ({ B, tokens, read, written, answer }: PlannedAnswers): Promise<Work> => {
    const asking = new Evaluations(device, network, learner.layers, answer + 1);
    const { generation, prefill } = await asking.of(sizesOfPrompts({ B, tokens }));
    const decoded = await asking.decoder(generation, B);
    note('testing', B * (answer + 1) * 4);
    const costs = [
      times(read, perUnit(device, prefill.program, tokens)),
      times(written, perUnit(device, decoded.program, B)),
    ];
    asking.destroy();
    return sumOf(costs);
  };
  const questions = work.questions ? await answering(work.questions) : NO_WORK;
  const ownAnswers: Work[] = [];
  for (const one of work.ownAnswers ?? []) ownAnswers.push(await answering(one));
  return {
    memory: { ...fullestOf(moments), checkpoint, host },
    effort: {
      step,
      tests: { labels: meanOf(labelled), free: meanOf(free) },
      space,
      single,
      validation,
      questions,
      ownAnswers,
      generalText,
      tokensOfStep: trained.tokens,
      tokensOfRow: sizesOf(work.batch).tokens / work.batch.B,
      sharesBeginnings: network.sharesBeginnings,
    },
  };
}

/** Tokens that the network must have positions for after a prompt of a task. */
const longestAnswer = ({ answer, questions, ownAnswers = [], batch }: PlannedWork, sourceLength: number): number =>
  [...(questions ? [questions] : []), ...ownAnswers].reduce(
    (most, one) => Math.max(most, one.longest + one.answer - sourceLength),
    Math.max(answer, ownAnswers.length > 0 ? batch.T : 0),
  );

const programsOf = (device: CountingDevice, programs: readonly Program[]): Work =>
  sumOf(programs.map((program) => device.workOf(program)));

const perUnit = (device: CountingDevice, program: Program, units: number): Work =>
  times(1 / units, device.workOf(program));

/** The mean of tests; null without any. */
function meanOf(efforts: readonly TestEffort[]): TestEffort | null {
  if (efforts.length === 0) return null;
  const mean = (of: (effort: TestEffort) => Work): Work => times(1 / efforts.length, sumOf(efforts.map(of)));
  return { read: mean(({ read }) => read), rank: mean(({ rank }) => rank), write: mean(({ write }) => write) };
}

/** The memory of {@link planRun}. */
export const planMemory = async (question: MemoryQuestion): Promise<MemoryPlan> => (await planRun(question)).memory;

function fullestOf(moments: ReadonlyMap<MemoryMoment, Parts>): Omit<MemoryPlan, 'checkpoint' | 'host'> {
  const totals = [...moments].map(([moment, parts]) => ({ moment, parts, total: totalOf(parts) }));
  const fullest = totals.reduce((a, b) => (b.total > a.total ? b : a));
  return { ...fullest, moments: Object.fromEntries(totals.map(({ moment, total }) => [moment, total])) };
}
