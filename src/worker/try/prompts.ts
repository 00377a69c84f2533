import { GorpError, reportOf } from '../../base/errors.ts';
import type { ParsedConfig } from '../../models/families.ts';
import { positionsOf } from '../../onnx/decoder-graph.ts';
import type { KnownModel } from '../../run/models/open-network.ts';
import type { AnsweredTask } from '../../run/files/answers-over-rounds.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { fitTurns } from '../../tasks/encode-free.ts';
import { fitPrompt, type FittedPrompt, type Prompting, promptingOf } from '../../tasks/fit.ts';
import { encodeLabels } from '../../tasks/labels.ts';
import { frameIn, instructionOf } from '../../tasks/prompt.ts';
import { type ChatTurn, turnsIn } from '../../text/chat-turn.ts';
import type { Question } from './messages.ts';

/** What is needed to turn questions into prompts. */
export interface PromptParts {
  known: Reader & Pick<KnownModel, 'config'>;
  /** How it reads conversations: by its chat template, or as plain text if it has none. */
  chat: Reader;
  settings: RunSettings;
  /** Maximum number of tokens in an answer of the run's tests. */
  answerLength: number;
  /** Tasks that can be asked, with their labels. */
  tasks: readonly (Pick<AnsweredTask, 'name' | 'kind' | 'form' | 'instruction'> & { labels: readonly string[] })[];
}

type Reader = Pick<KnownModel, 'tokenizer' | 'endIds'>;

/** A question as token ids, and what reads its answer. */
export interface Prompt extends Reader {
  ids: readonly number[];
  isCut: boolean;
  /** The answers that count as right; empty if unknown. */
  right: readonly string[];
  labels: readonly { label: string; ids: readonly number[] }[];
  /** Maximum number of tokens in the answer. */
  most: number;
}

/**
 * A question as the model reads it: a sentence of a task is cut to fit, as in training; a raw prompt and a conversation
 * must fit as they are.
 *
 * @param most maximum number of tokens in an answer, except to a task.
 * @param round that is asked: it has its own answers in a conversation.
 * @throws GorpError `text/prompt-too-long`, `text/empty-prompt`, `tasks/…`.
 */
export async function promptFor(parts: PromptParts, question: Question, most = 0, round = 0): Promise<Prompt> {
  const { settings, answerLength, tasks, chat } = parts;
  const { tokenizer, endIds, config } = parts.known;
  const { sourceLength, targetLength } = settings.training;
  if (question.kind === 'raw') {
    const fitted = fitting(tokenizer.encodePrompt(question.text), config, { sourceLength, most });
    return { ...fitted, tokenizer, endIds, isCut: false, right: [], labels: [] };
  }
  if (question.kind === 'chat') {
    const fitted = fitting(promptingOf(chat.tokenizer).ofTurns(turnsOf(question, round)).ids, config, {
      sourceLength,
      most,
    });
    return { ...fitted, ...chat, isCut: false, right: [], labels: [] };
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
    const { ids, cut } = await askedAsTested(question, parts, (prompting) =>
      fitTurns(prompting, name, turnsIn(question.sentence), sourceLength),
    );
    return { ids, tokenizer, endIds, isCut: cut, right: rightAnswers(question), labels: [], most: answerLength };
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
  const { ids, cut } = await askedAsTested(question, parts, (prompting) =>
    fitPrompt(prompting, prompted, question.sentence, sourceLength),
  );
  return {
    ids,
    tokenizer,
    endIds,
    isCut: cut,
    right: rightAnswers(question),
    labels: encodeLabels(tokenizer, prompted, targetLength).map((ids, i) => ({ label: labels[i], ids })),
    most: answerLength,
  };
}

/** A prompt as the test reads it if its answer is known: some chat templates ask otherwise for a thought. */
async function askedAsTested(
  { label }: Pick<Extract<Question, { kind: 'task' }>, 'label'>,
  { known: { tokenizer }, answerLength }: PromptParts,
  fit: (prompting: Prompting) => Promise<FittedPrompt>,
): Promise<FittedPrompt> {
  if (label === null) return fit(promptingOf(tokenizer));
  try {
    return await fit(promptingOf(tokenizer, { text: label, most: answerLength }));
  } catch (thrown) {
    if (!reportOf(thrown).code.startsWith('settings/template-')) throw thrown;
    return fit(promptingOf(tokenizer));
  }
}

/** The prompt length of T5's pre-training; it reads longer prompts, but less well. */
const T5_POSITIONS = 512;

/**
 * A prompt that the model can read, and how long an answer it leaves room for, at most `most` tokens.
 *
 * @throws GorpError `text/prompt-too-long`, `text/empty-prompt`.
 */
function fitting(
  ids: readonly number[],
  config: ParsedConfig,
  { sourceLength, most }: { sourceLength: number; most: number },
): Pick<Prompt, 'ids' | 'most'> {
  if (ids.length === 0) {
    throw new GorpError('text/empty-prompt', 'The prompt is empty.', 'Write something to ask the model.');
  }
  const isDecoder = config.kind === 'decoder-only';
  const room = isDecoder ? positionsOf(config) - 1 : Math.max(T5_POSITIONS, sourceLength);
  if (ids.length <= room) return { ids, most: isDecoder ? Math.min(most, room + 1 - ids.length) : most };
  throw new GorpError(
    'text/prompt-too-long',
    `The prompt takes ${ids.length} tokens; this model reads ${room} at most.`,
    'Shorten it, or begin a new conversation.',
  );
}

/** The turns of a conversation, with the answers of one round. */
function turnsOf({ system, before, text }: Extract<Question, { kind: 'chat' }>, round: number): ChatTurn[] {
  const said = before.flatMap((one): ChatTurn[] => {
    if (!Object.hasOwn(one.answers, round)) return [];
    return [
      { role: 'user', content: one.text },
      { role: 'assistant', content: one.answers[round] },
    ];
  });
  const first: ChatTurn[] = system.trim() === '' ? [] : [{ role: 'system', content: system }];
  return [...first, ...said, { role: 'user', content: text }];
}

const rightAnswers = ({ label, others }: { label: string | null; others: readonly string[] }): string[] =>
  label === null ? [] : [label, ...others];
