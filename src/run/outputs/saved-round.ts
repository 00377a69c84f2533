import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';
import { type Matrix, matrix } from '../../gorp/matrix.ts';
import type { MethodState } from '../../gorp/method-plan.ts';
import type { SavedTraining } from '../../gorp/trained.ts';
import { methodOf, planOf } from '../../methods/registry.ts';
import type { WeightChanges } from '../../weights/exports/merge.ts';
import { peftName } from '../../weights/exports/peft.ts';
import { type ByteFile, type ModelTensors, openTensors, readJson } from '../../weights/model-files.ts';
import { atCommit } from '../../weights/model-reference.ts';
import { type Results, ResultsSchema } from '../results.ts';
import type { RunSettings } from '../settings.ts';
import { type ModelModules, trainedModules, trainsSame } from '../trained-modules.ts';
import {
  ADAPTER_CONFIG_FILE,
  ADAPTER_FILE,
  DELTAS_FILE,
  DIRECTIONS_FILE,
  directionsName,
  EXAMPLES_FILE,
  ROUND_FILE,
  SPACES_FILE,
  STATE_FILE,
} from './layout.ts';

/** A file of a round's folder by its path there, or null. */
export type OpenFile = (path: string) => Promise<ByteFile | null>;

/** A round that was saved: to resume from, or to merge into its model. */
export interface SavedRound {
  /** Completed rounds. */
  round: number;
  /** The results of the run after the round. */
  results: Results;
  training: SavedTraining;
  changes: WeightChanges;
  /** Layers, without `.weight`, that {@link changes} has anything for. */
  changed: ReadonlySet<string>;
}

const RoundSchema = v.object({
  schema: v.literal('gorp-web/round'),
  version: v.literal(1),
  round: v.pipe(v.number(), v.integer(), v.minValue(1)),
  optimizerSteps: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** How much a method stores in addition; absent if nothing. */
  state: v.optional(v.object({ tensors: v.number(), examples: v.number() })),
  results: ResultsSchema,
});
const token = v.pipe(v.number(), v.integer(), v.minValue(0));
const ExamplesSchema = v.array(
  v.object({ task: v.pipe(v.number(), v.integer(), v.minValue(1)), source: v.array(token), label: v.array(token) }),
);
const AdapterConfigSchema = v.object({
  peft_type: v.literal('LORA'),
  r: v.pipe(v.number(), v.integer(), v.minValue(1)),
  lora_alpha: v.number(),
});

/**
 * Opens the folder of a round as `trainedFiles` wrote it. Tensors are read on demand.
 *
 * @throws GorpError `run/bad-round` if files are missing or invalid, and as {@link openTensors}.
 */
export async function openSavedRound(open: OpenFile): Promise<SavedRound> {
  const state = await json(open, ROUND_FILE, RoundSchema);
  if (state === null) throw badRound(`the folder has no ${ROUND_FILE}`);
  const { round, optimizerSteps, results } = state;
  const plan = planOf(results.settings.method);
  const [adapters, deltas, spaces, directions] = [
    await tensors(open, ADAPTER_FILE, plan.adapters !== null),
    await tensors(open, DELTAS_FILE, plan.fullRank !== null),
    await tensors(open, SPACES_FILE, plan.space !== null),
    await tensors(open, DIRECTIONS_FILE, plan.space !== null),
  ];
  const config = adapters && (await json(open, ADAPTER_CONFIG_FILE, AdapterConfigSchema));
  if (config === null && adapters !== null) throw badRound(`the folder has no ${ADAPTER_CONFIG_FILE}`);
  const pair = async (layer: string): Promise<{ A: Matrix; B: Matrix } | undefined> => {
    const [A, B] = [await read(adapters, peftName(layer, 'lora_A')), await read(adapters, peftName(layer, 'lora_B'))];
    return A && B && { A, B };
  };
  return {
    round,
    results,
    training: {
      tasks: round,
      optimizerSteps,
      adapter: pair,
      delta: (layer) => read(deltas, `${layer}.weight`),
      space: (layer) => read(spaces, layer),
      directions: (layer, task) => read(directions, directionsName(layer, task)),
      state: () => readState(open, state.state ?? { tensors: 0, examples: 0 }),
    },
    changes: {
      scaling: config ? config.lora_alpha / config.r : 0,
      adapter: async (layer) => {
        const found = await pair(layer);
        return found && { A: Float32Array.from(found.A.data), B: Float32Array.from(found.B.data) };
      },
      delta: async (layer) => {
        const name = `${layer}.weight`;
        return deltas?.tensors.has(name) ? deltas.readTensor(name) : undefined;
      },
    },
    changed: new Set([...(adapters?.tensors.keys() ?? []), ...(deltas?.tensors.keys() ?? [])].map(layerOf)),
  };
}

/**
 * Checks that a round was trained on the model of a run, with its method.
 *
 * @param parameters number of parameters of the run's model.
 * @throws GorpError `run/round-does-not-fit`, naming what is different.
 */
export function checkFits({ results }: Pick<SavedRound, 'results'>, { method }: RunSettings, parameters: number): void {
  const before = results.settings;
  if (before.method.name !== method.name) {
    throw doesNotFit(
      `it was trained with ${before.method.name}, not with ${method.name}`,
      `Choose ${before.method.name}.`,
    );
  }
  if (results.model.parameters !== parameters) {
    throw doesNotFit(
      `its model has ${results.model.parameters} parameters, this one ${parameters}`,
      `Choose the model it was trained on, ${before.model}.`,
    );
  }
}

/** Checks that a run trains the same layers as a round. @throws GorpError `run/round-does-not-fit`. */
export function checkTrained({ results }: SavedRound, settings: RunSettings, model: ModelModules): void {
  if (trainsSame(results.settings, settings, model)) return;
  const { lora, fullRank } = trainedModules(results.settings, model);
  throw doesNotFit(`it trained other layers: ${[...lora, ...fullRank].join(', ')}`, 'Choose the same trained layers.');
}

/** The base model of a round, at the commit that it was trained on. */
export const baseOf = ({ results }: Pick<SavedRound, 'results'>): string =>
  atCommit(results.settings.model, results.model.commit);

/**
 * Checks that weights are those that a round was trained on. (Rounds of earlier versions do not say.)
 *
 * @param model where the weights come from, for the message.
 * @throws GorpError `run/round-does-not-fit`, naming both.
 */
export async function checkBase(
  saved: Pick<SavedRound, 'results'>,
  model: string,
  weights: Pick<ModelTensors, 'contentHash'>,
): Promise<void> {
  const wanted = saved.results.model.weights;
  if (wanted === undefined) return;
  const found = await weights.contentHash();
  if (found === wanted) return;
  throw doesNotFit(
    `it was trained on the weights ${wanted.slice(0, 12)} of ${baseOf(saved)}, but ${model} has others (${found.slice(0, 12)})`,
    `Choose ${baseOf(saved)} with its original files.`,
  );
}

/** Checks that a run can resume from a round. @throws GorpError `run/round-does-not-fit`, naming what is different. */
export function checkGoesOn({ round, results }: SavedRound, { order, method }: RunSettings): void {
  if (planOf(method).schedule !== 'in-turn') {
    throw doesNotFit(`${method.name} does not build on earlier rounds`, 'Choose a method that learns tasks in turn.');
  }
  const told = results.settings.order.length;
  if (methodOf(method).needs.taskCount && order.length !== told) {
    throw doesNotFit(
      `${method.name} needs the number of tasks in advance; it was set up for ${told}, but the order has ${order.length}`,
      `Choose an order of ${told} tasks or a method that does not need their number.`,
    );
  }
  const learned = results.settings.order.slice(0, round).join(', ');
  if (order.slice(0, round).join(', ') !== learned) {
    throw doesNotFit(
      `it has learned ${learned}, but the order begins differently`,
      `Begin the order with ${learned}, and add new tasks after them.`,
    );
  }
  if (order.length <= round) {
    throw doesNotFit(`it has learned all ${round} tasks of the order`, 'Add a task after those it has learned.');
  }
}

const doesNotFit = (what: string, nextStep: string): GorpError =>
  new GorpError('run/round-does-not-fit', `This round cannot be used here: ${what}.`, nextStep);

/** `base_model.model.X.lora_A.weight` and `X.weight` → X. */
const layerOf = (name: string): string =>
  name.replace(/^base_model\.model\./, '').replace(/(\.lora_[AB])?\.weight$/, '');

async function read(file: ModelTensors | null, name: string): Promise<Matrix | undefined> {
  const info = file?.tensors.get(name);
  if (!file || info?.shape.length !== 2) return undefined;
  return matrix(info.shape[0], info.shape[1], await file.readTensor(name));
}

/** What a method stored. @throws GorpError `run/bad-round` if less is there than was saved. */
async function readState(open: OpenFile, saved: { tensors: number; examples: number }): Promise<MethodState> {
  const file = await tensors(open, STATE_FILE, saved.tensors > 0);
  const kept = new Map<string, Matrix>();
  for (const name of file?.tensors.keys() ?? []) {
    const tensor = await read(file, name);
    if (tensor) kept.set(name, tensor);
  }
  const examples = saved.examples > 0 ? ((await json(open, EXAMPLES_FILE, ExamplesSchema)) ?? []) : [];
  if (kept.size !== saved.tensors || examples.length !== saved.examples)
    throw badRound(
      `its method saved ${saved.tensors} tensors and ${saved.examples} examples, but the folder has ${kept.size} and ${examples.length}`,
    );
  return { tensors: kept, examples };
}

async function tensors(open: OpenFile, path: string, isNeeded: boolean): Promise<ModelTensors | null> {
  if (!isNeeded) return null;
  const file = await open(path);
  if (file === null) throw badRound(`the folder has no ${path}`);
  return openTensors([file]);
}

async function json<S extends v.GenericSchema>(
  open: OpenFile,
  path: string,
  schema: S,
): Promise<v.InferOutput<S> | null> {
  const file = await open(path);
  if (file === null) return null;
  const parsed = v.safeParse(schema, await readJson(file));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw badRound(`${path}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

const badRound = (problem: string): GorpError =>
  new GorpError(
    'run/bad-round',
    `This is not a saved round: ${problem}.`,
    `Choose the folder of one round, such as 1-dbpedia, with ${ROUND_FILE} and the files saved with it.`,
  );
