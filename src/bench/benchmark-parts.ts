import { reportOf } from '../base/errors.ts';
import { methodPreset } from '../methods/registry.ts';
import { frozenPacking, type FrozenWeights } from '../run/models/frozen-weights.ts';
import { networkOf } from '../run/models/open-network.ts';
import { startingMethod } from '../run/settings/starting-values.ts';
import type { Bench, PartReport } from './bench.ts';
import { measureBlock } from './block-step.ts';
import { MODEL_SHAPES, type ModelShape, openEmbeddedSteps, randomBatch, randomWeights } from './model-shapes.ts';
import { type MeasuredModel, measureModel } from './model-steps.ts';
import { measureProducts } from './product.ts';
import { compareWithReferences } from './references.ts';
import { failedPart, type Outcome } from './report.ts';
import { type OpenModel, STEP_METHODS } from './stepping-model.ts';

/** A model of published size, how it is stored, and how it trains. */
export interface Subject {
  readonly shape: ModelShape;
  /** One of {@link STEP_METHODS}. */
  readonly method: string;
  readonly frozenWeights: FrozenWeights;
  /** Whether products may round operands to 16-bit floats. */
  readonly halves: boolean;
}

const [SMALL, LARGE, LLAMA] = MODEL_SHAPES;
const [LORA, GORP] = STEP_METHODS.map(({ label }) => label);
const subject = (shape: ModelShape, method: string, frozenWeights: FrozenWeights, halves = false): Subject => {
  return { shape, method, frozenWeights, halves };
};

/** The most telling first. */
const SUBJECTS: readonly Subject[] = [
  subject(SMALL, LORA, 'f32'),
  subject(SMALL, GORP, 'f32'),
  subject(SMALL, GORP, 'f32', true),
  subject(LARGE, LORA, 'f32'),
  subject(LARGE, GORP, 'f32'),
  subject(LLAMA, LORA, '8-bit'),
  subject(LLAMA, GORP, '8-bit'),
  subject(LARGE, GORP, 'f32', true),
  subject(LARGE, GORP, '8-bit'),
  subject(LARGE, GORP, '4-bit'),
  subject(LLAMA, GORP, '4-bit'),
];

const nameOf = ({ shape, method, frozenWeights, halves }: Subject): string => {
  const model = shape.name.replace(/,.*/, '');
  return `${model}, ${method}, frozen ${frozenWeights}${halves ? ', products in f16' : ''}`;
};

/** A subject with random weights, to be measured. */
export function modelOf(subject: Subject): MeasuredModel {
  const { method: changes } = STEP_METHODS.find(({ label }) => label === subject.method) ?? STEP_METHODS[0];
  const method = { ...methodPreset(changes.name), ...changes };
  return { name: nameOf(subject), method, open: openSubject(subject), halves: subject.halves };
}

const openSubject =
  ({ shape, frozenWeights }: Subject): OpenModel =>
  (device) => {
    const { B, S, T } = shape.batch;
    const { network, targets } = networkOf(device, shape.config, { sourceLength: S, targetLength: T });
    const { shapes } = network;
    const packing = (name: string) => frozenPacking(frozenWeights, name, shapes.get(name) ?? [], 'F32');
    const storage = { packing, recompute: shape.recompute };
    return Promise.resolve({ network, targets, read: randomWeights(shapes), batch: randomBatch(B, S, T), storage });
  };

/** A part of the benchmark. */
export interface Part {
  readonly name: string;
  /** Why it is not run; undefined if it is. */
  readonly omitted?: string | undefined;
  /** @returns undefined if what it measures is not installed. */
  readonly run: (bench: Bench) => Promise<PartReport | undefined>;
}

/** The parts that measure a device's kernels. */
export const KERNEL_PARTS: readonly Part[] = [
  { name: 'kernels against references', run: compareWithReferences },
  { name: 'products', run: measureProducts },
  { name: 'encoder block', run: measureBlock },
];

/** Steps of the embedded model with GORP, its memory and its answers. */
export const EMBEDDED_STEPS: Part = {
  name: 'embedded model, GORP fast',
  run: (bench) =>
    measureModel(bench, {
      name: 'embedded model, GORP fast',
      method: startingMethod('embedded', 'gorp'),
      open: openEmbeddedSteps(bench),
      halves: false,
    }),
};

/** Parts that measure models of published size with random weights, the most telling first. */
export const MODEL_PARTS: readonly Part[] = SUBJECTS.map((subject) => partOf(modelOf(subject)));

function partOf(model: MeasuredModel): Part {
  return { name: model.name, run: (bench) => measureModel(bench, model) };
}

/** A part that is listed but not run. */
export const omit = (part: Part, omitted: string): Part => ({ ...part, omitted });

/** How long the page measures. */
export const MINUTE = 60;

// Models of published size that a card measures within the minute.
const QUICK_MODELS = 2;
const TOO_LONG = 'it takes longer than a minute; the benchmark in Node, `npm run bench:bundle`, runs it';
const NOT_HERE: readonly string[] = ['embedded model', 'PyTorch'];

/**
 * Returns the parts that the page measures in a minute, and the bundle's others as not run. @param isSlow whether the
 * CPU computes.
 */
export const minuteParts = (isSlow: boolean): readonly Part[] => [
  ...KERNEL_PARTS,
  EMBEDDED_STEPS,
  ...MODEL_PARTS.map((part, i) => {
    if (isSlow) return omit(part, 'the device computes on the CPU');
    return i < QUICK_MODELS ? part : omit(part, TOO_LONG);
  }),
  ...NOT_HERE.map((name) => omit({ name, run: () => Promise.resolve(undefined) }, TOO_LONG)),
];

/** How long a measurement may take. */
export interface Limit {
  /** The clock's time after which no part starts, in milliseconds. */
  readonly end: number;
  /**
   * Whether a part in progress then counts as not run. It continues in the background, until its process or worker
   * ends.
   */
  readonly cutsOff: boolean;
}

/** Hears of each part. */
interface Listener {
  /** A part starts. */
  readonly begun?: (name: string) => void;
  readonly ended: (outcome: Outcome) => void | Promise<void>;
}

export const TIME_OVER = 'the time was over';
export const CUT_OFF = 'it had not ended when the time was over';

/** Measures parts one after another. A part that fails does not end the others: each opens its own device. */
export async function measureParts(
  parts: readonly Part[],
  bench: Bench,
  { end, cutsOff }: Limit,
  { begun, ended }: Listener,
): Promise<void> {
  const { clock } = bench;
  for (const part of parts) {
    const reason = part.omitted ?? (clock.now() >= end ? TIME_OVER : undefined);
    if (reason !== undefined) {
      await ended({ name: part.name, status: 'not run', reason });
      continue;
    }
    begun?.(part.name);
    const outcome = outcomeOf(part, bench);
    const cut = cutsOff ? later(end - clock.now()) : undefined;
    try {
      await ended(await (cut ? Promise.race([outcome, cut.passed.then(() => cutOff(part))]) : outcome));
    } finally {
      cut?.cancel();
    }
  }
}

const cutOff = ({ name }: Part): Outcome => ({ name, status: 'not run', reason: CUT_OFF });

async function outcomeOf({ name, run }: Part, bench: Bench): Promise<Outcome> {
  const start = bench.clock.now();
  try {
    const report = await run(bench);
    if (report === undefined) return { name, status: 'not run', reason: 'it is not installed' };
    return { name, status: 'measured', seconds: (bench.clock.now() - start) / 1e3, ...report };
  } catch (thrown) {
    return failedPart(name, reportOf(thrown));
  }
}

/** Resolves after some milliseconds, unless cancelled. */
function later(ms: number): { passed: Promise<void>; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  return { passed, cancel: () => clearTimeout(timer) };
}
