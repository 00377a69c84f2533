import { type ErrorCode, GorpError } from '../../base/errors.ts';
import { sha256Of } from '../../base/sha256.ts';
import type { ModelFiles, ModelTexts } from '../../weights/model-folder.ts';
import { atCommit, modelText } from '../../weights/model-reference.ts';
import type { TrainingSettings } from '../settings/settings.ts';
import type { ModelReport, Results } from './results.ts';

/**
 * The sources of a run, as its results tell: the model's files (`model.weights`, `model.files`), the date that its chat
 * template prints (`model.date`), the texts of every task (`tasks[].texts`), and the settings. A run is resumed,
 * tested, exported or reused only with the same; what differs is named.
 */
export type Identity = Pick<Results, 'model' | 'tasks' | 'settings'>;

/** SHA-256 of the small files of a model, by name; null for those it lacks. */
export type FileHashes = NonNullable<ModelReport['files']>;

/** Hashes the small files of a model as they are read, so that their layout does not count. */
export async function fileHashes(
  texts: Pick<ModelTexts, 'config' | 'tokenizer' | 'tokenizerConfig' | 'generationConfig' | 'chatTemplate'>,
  { promptForm }: Pick<TrainingSettings, 'promptForm'>,
): Promise<FileHashes> {
  const files: Record<string, unknown> = {
    'config.json': texts.config,
    'tokenizer.json': texts.tokenizer,
    'tokenizer_config.json': texts.tokenizerConfig,
    'generation_config.json': texts.generationConfig,
    // Raw prompts do not need it.
    ...(promptForm === 'chat' && { 'chat_template.jinja': await texts.chatTemplate() }),
  };
  const hashes: FileHashes = {};
  for (const [name, content] of Object.entries(files)) {
    hashes[name] = content === null ? null : await sha256Of(new TextEncoder().encode(JSON.stringify(content)));
  }
  return hashes;
}

/** The base model of a run, at the commit that it was trained on. */
export const baseOf = ({ model, settings }: Identity): string => atCommit(settings.model, model.commit);

/** The small files that are not those of a run, in words; null if all are. Runs of earlier versions do not tell. */
export function otherFiles({ model }: Identity, now: FileHashes): string | null {
  const then = model.files;
  if (then === undefined) return null;
  const changed = Object.keys(now).filter((name) => Object.hasOwn(then, name) && then[name] !== now[name]);
  return changed.length === 0 ? null : changed.join(', ');
}

/** The texts of a task that are not those of a run with this task. */
export const hasOtherTexts = ({ tasks }: Pick<Identity, 'tasks'>, task: string, now: string | undefined): boolean => {
  const then = tasks.find(({ name }) => name === task)?.texts;
  return then !== undefined && then !== now;
};

/** The saved state from which a run resumes, for messages. */
export type ResumeSource = 'round' | 'checkpoint';

/** @throws GorpError if the small files of a model are not those of a run, naming them. */
export function checkFiles(from: Identity, what: ResumeSource, model: string, now: FileHashes): void {
  const changed = otherFiles(from, now);
  if (changed === null) return;
  throw doesNotFit(
    what,
    `it was trained with other model files than those of ${modelText(model)}: ${changed}`,
    `Choose ${modelText(baseOf(from))} with its original files.`,
  );
}

/**
 * Checks that weights are those that a run was trained on. (Runs of earlier versions do not tell.)
 *
 * @param model where the weights come from, for the message.
 * @throws GorpError naming both.
 */
export async function checkWeights(
  from: Identity,
  what: ResumeSource,
  model: string,
  weights: Pick<ModelFiles, 'contentHash'>,
): Promise<void> {
  const wanted = from.model.weights;
  if (wanted === undefined) return;
  const found = await weights.contentHash();
  if (found === wanted) return;
  throw doesNotFit(
    what,
    `it was trained on the weights ${wanted.slice(0, 12)} of ${modelText(baseOf(from))}, but ${modelText(model)} has others (${found.slice(0, 12)})`,
    `Choose ${modelText(baseOf(from))} with its original files.`,
  );
}

/** @throws GorpError if the texts of a task are not those of a run with this task, naming it. */
export function checkTexts(from: Identity, what: ResumeSource, { name, texts }: { name: string; texts: string }): void {
  if (!hasOtherTexts(from, name, texts)) return;
  throw doesNotFit(
    what,
    `the texts, labels or question of ${name} have changed since`,
    'Restore the task, give the changed one another name, or start a new run.',
  );
}

const CODES: Readonly<Record<ResumeSource, { code: ErrorCode; cannot: string }>> = {
  round: { code: 'run/round-does-not-fit', cannot: 'This model cannot be used here' },
  checkpoint: { code: 'run/checkpoint-does-not-fit', cannot: 'The run cannot resume from its checkpoint' },
};

/** The error for a saved state of another run. */
export const doesNotFit = (what: ResumeSource, problem: string, nextStep: string): GorpError =>
  new GorpError(CODES[what].code, `${CODES[what].cannot}: ${problem}.`, nextStep);
