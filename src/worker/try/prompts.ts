import { GorpError } from '../../base/errors.ts';
import type { ParsedConfig } from '../../models/families.ts';
import { positionsOf } from '../../onnx/decoder-graph.ts';
import type { KnownModel } from '../../run/open-network.ts';
import type { AnsweredTask } from '../../run/outputs/answers-over-rounds.ts';
import type { RunSettings } from '../../run/settings.ts';
import { fitTurns } from '../../tasks/encode-free.ts';
import { fitPrompt } from '../../tasks/fit.ts';
import { encodeLabels } from '../../tasks/labels.ts';
import { frameIn, instructionOf } from '../../tasks/prompt.ts';
import { turnsIn } from '../../text/chat-turn.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Question } from './messages.ts';

/** Maximum number of tokens in an answer to a raw prompt, unless the run allows more. */
const RAW_ANSWER_TOKENS = 64;

/** What is needed to turn questions into prompts. */
export interface PromptParts {
  known: Pick<KnownModel, 'tokenizer' | 'config'>;
  settings: RunSettings;
  /** Maximum number of tokens in an answer of the run's tests. */
  answerLength: number;
  /** Tasks that can be asked, with their labels. */
  tasks: readonly (Pick<AnsweredTask, 'name' | 'kind' | 'form' | 'instruction'> & { labels: readonly string[] })[];
}

/** A question as token ids. */
export interface Prompt {
  ids: readonly number[];
  isCut: boolean;
  right: string | null;
  labels: readonly { label: string; ids: readonly number[] }[];
  /** Maximum number of tokens in the answer. */
  most: number;
}

/**
 * A question as the model reads it: a sentence of a task is cut to fit, as in training; a raw prompt must fit as it is.
 *
 * @throws GorpError `text/prompt-too-long`, `text/empty-prompt`, `tasks/…`.
 */
export function promptFor(parts: PromptParts, question: Question): Prompt {
  const { settings, answerLength, tasks } = parts;
  const { tokenizer, config } = parts.known;
  const { sourceLength, targetLength } = settings.training;
  if (question.kind === 'raw') {
    const most = Math.max(answerLength, RAW_ANSWER_TOKENS);
    const ids = wholePrompt(tokenizer, config, question.text, { sourceLength, most });
    return { ids, isCut: false, right: null, labels: [], most };
  }
  const task = tasks.find(({ name }) => name === question.task);
  if (task === undefined) {
    throw new GorpError(
      'tasks/not-found',
      `No round of this run has tested a task ${question.task}.`,
      'Choose one of its tasks, or ask with a raw prompt.',
    );
  }
  const { name, kind, form, labels } = task;
  if (form === 'chat') {
    const { ids, cut } = fitTurns(tokenizer, name, turnsIn(question.sentence), sourceLength);
    return { ids, isCut: cut, right: question.label, labels: [], most: answerLength };
  }
  const prompted = {
    name,
    kind,
    labels,
    form,
    instruction: form === 'labels' ? instructionOf(task.instruction, labels) : null,
    ...(form === 'free' && { frame: frameIn(task.instruction) }),
    train: [],
    dev: [],
    test: [],
  };
  const { ids, cut } = fitPrompt(tokenizer, prompted, question.sentence, sourceLength);
  return {
    ids,
    isCut: cut,
    right: question.label,
    labels: encodeLabels(tokenizer, prompted, targetLength).map((ids, i) => ({ label: labels[i], ids })),
    most: answerLength,
  };
}

/** The prompt length of T5's pre-training; it reads longer prompts, but less well. */
const T5_POSITIONS = 512;

/** @throws GorpError `text/prompt-too-long`, `text/empty-prompt`. */
function wholePrompt(
  tokenizer: Tokenizer,
  config: ParsedConfig,
  text: string,
  { sourceLength, most }: { sourceLength: number; most: number },
): readonly number[] {
  const room = config.kind === 'decoder-only' ? positionsOf(config) - most : Math.max(T5_POSITIONS, sourceLength);
  const ids = tokenizer.encodePrompt(text);
  if (ids.length === 0) {
    throw new GorpError('text/empty-prompt', 'The prompt is empty.', 'Write something to ask the model.');
  }
  if (ids.length <= room) return ids;
  throw new GorpError(
    'text/prompt-too-long',
    `The prompt takes ${ids.length} tokens; this model reads ${room} at most.`,
    'Shorten it.',
  );
}
