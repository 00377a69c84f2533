import type { TokenPair } from '../../base/batch.ts';
import { GorpError } from '../../base/errors.ts';
import { needsOf, partOf } from '../../gorp/part/method-plan.ts';
import { type StateMatrix, adapterTensor, weightTensor } from '../../gorp/part/state.ts';
import { methodTitle, planOf } from '../../methods/registry.ts';
import { type OpenFile, type SavedRun, bad, openRunState } from './saved-run.ts';
import { baseOf, checkFiles, checkWeights, doesNotFit, fileHashes } from '../results/identity.ts';
import type { Results } from '../results/results.ts';
import type { RunSettings } from '../settings/settings.ts';
import { buildsOn, teachingFault } from '../settings/teaching.ts';
import { type ModelModules, trainedModules, trainsSame } from '../settings/trained-modules.ts';
import type { TrainedChanges } from '../../weights/exports/merge.ts';
import type { ModelFiles } from '../../weights/model-folder.ts';
import { modelText } from '../../weights/model-reference.ts';

/** A round that was saved: to resume from, or to merge into its model. */
export interface SavedRound extends TrainedChanges {
  /** Completed rounds. */
  round: number;
  /** The results of the run after the round. */
  results: Results;
  state: SavedRun;
}

/**
 * Opens the folder of a round as `roundFiles` wrote it. Tensors are read on demand: see {@link SavedRun.check}.
 *
 * @throws GorpError `run/bad-round` if files are missing or invalid, and as {@link openTensors}.
 */
export async function openSavedRound(open: OpenFile): Promise<SavedRound> {
  const state = await openRunState(open, 'round');
  const { place, results, learner } = state;
  if (place.phase !== 'begin' || place.round === 0 || learner.progress.training) {
    throw bad('round', 'it was not saved at the end of a task');
  }
  const { tensors } = learner;
  const plan = planOf(results.settings.method);
  const [adapters, { byPrompt }] = [partOf(plan, 'adapters'), needsOf(plan)];
  const read = async (name: string): Promise<Float32Array | undefined> => float32Of(await tensors.read(name));
  return {
    round: place.round,
    results,
    state,
    changes: {
      scaling: adapters ? adapters.alpha / adapters.rank : 0,
      adapter: async (layer) => {
        const [A, B] = [await read(adapterTensor(layer, 'lora_A')), await read(adapterTensor(layer, 'lora_B'))];
        return A && B && { A, B };
      },
      weights: (layer) => read(weightTensor(layer)),
      byPrompt: adapters &&
        byPrompt && {
          ...byPrompt,
          method: methodTitle(results.settings.method),
          tasks: learner.progress.task,
          rank: adapters.rank,
          read: async (name) => {
            const values = await read(name);
            if (values === undefined) throw bad('round', `it has no ${name}`);
            return values;
          },
        },
    },
    changed: new Set(tensors.names.flatMap((name) => /^([^/]*?)(?:\.lora_[AB])?\.weight$/.exec(name)?.[1] ?? [])),
  };
}

const float32Of = (found: StateMatrix | undefined): Float32Array | undefined =>
  found?.data instanceof Float32Array ? found.data : undefined;

/**
 * Checks that a model was taught on the base of a run.
 *
 * @param parameters number of parameters of the run's base.
 * @throws GorpError `run/round-does-not-fit`, naming what is different.
 */
export function checkFits({ results }: Pick<SavedRound, 'results'>, settings: RunSettings, parameters: number): void {
  const [trained, chosen] = [results.settings.method, settings.method].map(methodTitle);
  if (!buildsOn(results.settings, settings))
    throw refusal(`it was taught with ${trained}, not with ${chosen}`, `Choose ${trained}.`);
  if (results.model.parameters !== parameters) {
    throw refusal(
      `its base model has ${results.model.parameters} parameters, this one ${parameters}`,
      `Choose the base model that it was taught on, ${results.settings.model}.`,
    );
  }
}

/** Checks that a run trains the same layers as a round. @throws GorpError `run/round-does-not-fit`. */
export function checkTrained({ results }: SavedRound, settings: RunSettings, model: ModelModules): void {
  if (trainsSame(results.settings, settings, model)) return;
  const { lora, fullRank } = trainedModules(results.settings, model);
  const blocks = results.settings.training.trainedBlocks === 'later' ? ' in the later half of the blocks' : '';
  throw refusal(
    `other layers were trained: ${[...lora, ...fullRank].join(', ')}${blocks}`,
    'Choose the same trained layers and blocks.',
  );
}

/**
 * Checks that what a method remembers can be read by the model.
 *
 * @param tokens number of entries of the tokenizer.
 * @throws GorpError `run/round-does-not-fit`, naming a token.
 */
export function checkRemembered(examples: readonly TokenPair[], tokens: number): void {
  const foreign = examples.flatMap(({ source, label }) => [...source, ...label]).find((id) => id >= tokens);
  if (foreign === undefined) return;
  throw refusal(
    `it remembers the token ${foreign}, but the tokenizer only ${tokens} tokens`,
    'Choose the model and its base with their original files.',
  );
}

/** Checks that a run can teach a model more. @throws GorpError `run/round-does-not-fit`, naming what is different. */
export function checkCanContinue({ round, results }: SavedRound, settings: RunSettings): void {
  const fault = teachingFault(results.settings, round, settings);
  if (fault) throw refusal(fault.problem, fault.nextStep);
}

const refusal = (problem: string, nextStep: string): GorpError => doesNotFit('round', problem, nextStep);

/**
 * Opens the model that a round was trained on, at the commit it had then.
 *
 * @param model where to look instead of where the round says.
 * @param open opens a model by its name in the settings.
 * @param otherwise a sentence: what else to do when it is gone.
 * @throws GorpError `run/no-base-model` if it can no longer be opened, `run/round-does-not-fit` if its files differ.
 */
export async function openBaseModel(
  saved: Pick<SavedRound, 'results'>,
  open: (model: string) => Promise<ModelFiles>,
  { model = baseOf(saved.results), otherwise = '' }: { model?: string | undefined; otherwise?: string } = {},
): Promise<ModelFiles> {
  let base: ModelFiles;
  try {
    base = await open(model);
  } catch (cause) {
    if (!(cause instanceof GorpError)) throw cause;
    throw new GorpError(
      'run/no-base-model',
      `The model was taught on ${modelText(model)}, which cannot be opened: ${cause.message}`,
      `${cause.nextStep} ${otherwise}`.trimEnd(),
      { cause },
    );
  }
  const { results } = saved;
  checkFiles(results, 'round', model, await fileHashes(base, results.settings.training));
  await checkWeights(results, 'round', model, base);
  return base;
}

/**
 * Checks that a run is the one that saved a checkpoint: a run resumes only with the same settings and data.
 *
 * @param data of the run, as {@link dataHash} names it.
 * @throws GorpError `run/checkpoint-does-not-fit`, naming what is different.
 */
export function checkSame(saved: Pick<SavedRun, 'results' | 'data'>, settings: RunSettings, data: string): void {
  checkSettings(saved, settings);
  if (saved.data === data) return;
  throw doesNotFit(
    'checkpoint',
    'the examples of its tasks have changed, or this version has other general prompts',
    'Restore the tasks, or start a new run.',
  );
}

/** @throws GorpError `run/checkpoint-does-not-fit`, naming the first setting that is different. */
export function checkSettings({ results }: Pick<SavedRun, 'results'>, settings: RunSettings): void {
  const path = difference(results.settings, settings);
  if (path === null) return;
  const nextStep = 'Resume with the settings of the run that saved it, or start a new run.';
  throw doesNotFit('checkpoint', `${path} has changed`, nextStep);
}

/** The path of the first value that differs; null if all are equal. */
export function difference(a: unknown, b: unknown, path = 'the settings'): string | null {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) ? null : path;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const below = path === 'the settings' ? key : `${path}.${key}`;
    const found = difference(a[key], b[key], below);
    if (found !== null) return found;
  }
  return null;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
