import { GorpError, reportOf } from '../../base/errors.ts';
import type { ParsedConfig } from '../../models/families.ts';
import { positionsOf } from '../../onnx/decoder-graph.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import {
  type ChooseToken,
  labelProbabilities,
  likeliest,
  tokenChooser,
  writeAnswer,
} from '../../onnx/runtime/answers.ts';
import type { Runtime, TextModel } from '../../onnx/runtime/text-model.ts';
import type { AnsweredExample, AnsweredTask } from '../../run/files/predictions.ts';
import type { KnownModel } from '../../run/models/open-network.ts';
import type { RunSettings } from '../../run/settings/settings.ts';
import { promptLengthNext } from '../../run/settings/starting-values.ts';
import { fitTurns } from '../../tasks/encode-free.ts';
import { fitPrompt, type FittedPrompt, type Prompting, promptingOf } from '../../tasks/fit.ts';
import { encodeLabels } from '../../tasks/labels.ts';
import { frameIn, instructionOf } from '../../tasks/prompt.ts';
import { type ChatTurn, turnsIn } from '../../text/chat-turn.ts';
import { bestScoreOf } from '../../text/scores.ts';
import type { Asking, Question, TriedAnswer, TryMessage } from './messages.ts';
import type { PreparedModels } from './prepared-models.ts';

/** The parts that turn questions into prompts. */
interface PromptParts {
  known: Reader & Pick<KnownModel, 'config'>;
  /** How it reads conversations: by its chat template, or as plain text if it has none. */
  chat: Reader;
  settings: RunSettings;
  /** How many tasks of the order the model knew before its last run, which has the lengths of what it taught. */
  taughtBefore: number;
  /** Maximum number of tokens in an answer of the run's tests. */
  answerLength: number;
  /** Tasks that can be asked, with their labels. */
  tasks: readonly (Pick<AnsweredTask, 'name' | 'kind' | 'form' | 'instruction'> & { labels: readonly string[] })[];
}

type Reader = Pick<KnownModel, 'tokenizer' | 'endIds'>;

/** A question as token ids, and what reads its answer. */
interface Prompt extends Reader {
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
async function promptFor(parts: PromptParts, question: Question, most = 0, round = 0): Promise<Prompt> {
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
      `No model of this run was tested on a task ${question.task}.`,
      'Choose one of its tasks, or ask with a raw prompt.',
    );
  }
  const { name, kind, form, labels } = task;
  const isEarlier = settings.order.slice(0, parts.taughtBefore).includes(name);
  const length = isEarlier
    ? Math.max(sourceLength, Math.min(promptLengthNext(settings), roomIn(config, sourceLength) - answerLength))
    : sourceLength;
  if (form === 'chat') {
    const { ids, cut } = await askedAsTested(question, parts, (prompting) =>
      fitTurns(prompting, name, turnsIn(question.sentence), length),
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
    fitPrompt(prompting, prompted, question.sentence, length),
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
  const room = roomIn(config, sourceLength);
  if (ids.length <= room)
    return { ids, most: config.kind === 'decoder-only' ? Math.min(most, room + 1 - ids.length) : most };
  throw new GorpError(
    'text/prompt-too-long',
    `The prompt takes ${ids.length} tokens; this model reads ${room} at most.`,
    'Shorten it, or begin a new conversation.',
  );
}

/** The longest prompt that a model reads, in tokens. */
const roomIn = (config: ParsedConfig, sourceLength: number): number =>
  config.kind === 'decoder-only' ? positionsOf(config) - 1 : Math.max(T5_POSITIONS, sourceLength);

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

/** Thrown to interrupt an answer. */
export class StoppedAsking extends Error {}

/** The parts that answer questions. */
export interface AskerParts extends PromptParts {
  models: PreparedModels;
  loadRuntime: (provider: 'webgpu' | 'wasm') => Promise<Runtime>;
  emit: (message: TryMessage) => void;
  /** Lets messages arrive; throws {@link StoppedAsking} if one of them is `stop`. */
  breathe: () => Promise<void>;
}

/** The device of the runtime: the chosen one, or the CPU once the graphics card has failed. */
export interface Provider {
  kind: 'webgpu' | 'wasm';
  note: string | null;
}

/**
 * Asks rounds one after another. Reports a round that fails, then asks the next.
 *
 * @throws StoppedAsking; GorpError `text/prompt-too-long`, `tasks/…` before any round is asked.
 */
export async function askRounds(
  parts: AskerParts,
  { question, rounds, dtype, writing }: Asking,
  provider: Provider,
): Promise<void> {
  const { emit } = parts;
  const prompts = new Map<number, Prompt>();
  for (const round of rounds) prompts.set(round, await promptFor(parts, question, writing.most, round));
  for (const [round, prompt] of prompts) {
    await parts.breathe();
    try {
      const answer = await onProvider(parts, provider, async (runtime, kind) => {
        emit({ type: 'preparing', round, what: 'round' });
        const model = await parts.models.open(runtime, kind, round, dtype);
        const choose = question.kind === 'task' ? likeliest : tokenChooser(writing);
        return answerOf(parts, model, { ...prompt, choose }, (text) => emit({ type: 'token', round, text }));
      });
      emit({ type: 'answered', round, answer });
    } catch (thrown) {
      if (thrown instanceof StoppedAsking) throw thrown;
      emit({ type: 'unanswered', round, error: reportOf(asRefusal(thrown)) });
    }
  }
}

/** Examples of a task to ask, starting at one of them. */
interface ExamplesToAsk {
  task: string;
  examples: readonly Pick<AnsweredExample, 'sentence' | 'label' | 'others'>[];
  from: number;
  dtype: OnnxDtype;
}

/**
 * Asks the model before training test examples of a task, one after another, for the written answer only.
 *
 * @throws StoppedAsking; GorpError as {@link askRounds}, and if the model cannot answer.
 */
export async function askExamples(
  parts: AskerParts,
  { task, examples, from, dtype }: ExamplesToAsk,
  provider: Provider,
): Promise<void> {
  try {
    for (const [example, { sentence, label, others }] of examples.entries()) {
      if (example < from) continue;
      const asked = await promptFor(parts, { kind: 'task', task, sentence, label, others });
      const prompt = { ...asked, labels: [], choose: likeliest };
      const { text } = await onProvider(parts, provider, async (runtime, kind) =>
        answerOf(parts, await parts.models.open(runtime, kind, 0, dtype), prompt, () => undefined),
      );
      const { exactMatch: isRight, rougeL } = bestScoreOf(text, [label, ...others]);
      parts.emit({ type: 'example-answered', task, dtype, example, answer: { written: text, isRight, rougeL } });
    }
  } catch (thrown) {
    throw thrown instanceof StoppedAsking ? thrown : asRefusal(thrown);
  }
}

/** Works on the graphics card if chosen, and switches to the CPU for good if that fails. */
async function onProvider<T>(
  parts: AskerParts,
  provider: Provider,
  work: (runtime: Runtime, kind: Provider['kind']) => Promise<T>,
): Promise<T> {
  if (provider.kind === 'webgpu') {
    try {
      return await work(await parts.loadRuntime('webgpu'), 'webgpu');
    } catch (thrown) {
      if (thrown instanceof StoppedAsking || thrown instanceof GorpError) throw thrown;
      await parts.models.close().catch(() => undefined); // its device may be gone
      provider.kind = 'wasm';
      provider.note = `The graphics card could not run it (${messageOf(thrown)}).`;
      parts.emit({ type: 'runtime', runtime: { provider: 'wasm', note: provider.note } });
    }
  }
  return work(await parts.loadRuntime('wasm'), 'wasm');
}

async function answerOf(
  { breathe }: AskerParts,
  model: TextModel,
  { ids, tokenizer, endIds, labels, right, most, isCut, choose }: Prompt & { choose: ChooseToken },
  onText: (text: string) => void,
): Promise<TriedAnswer> {
  const read = await model.read(ids);
  try {
    await breathe();
    const { tokens, hasEnded } = await writeAnswer(model, read, { endIds, most, choose }, async (all) => {
      onText(tokenizer.decode([...all]));
      await breathe();
    });
    const candidates = labels.map((one) => one.ids);
    const probabilities = await labelProbabilities(model, read, candidates, breathe);
    const text = tokenizer.decode(tokens);
    return {
      text,
      isRight: right.length === 0 ? null : bestScoreOf(text, right).exactMatch,
      labels: labels.map(({ label }, i) => ({ label, probability: probabilities[i] })),
      isCut,
      cutAt: hasEnded ? null : most,
    };
  } finally {
    model.drop(read);
  }
}

const messageOf = (thrown: unknown): string =>
  (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0];

/** Thrown for missing files. */
const isGone = (thrown: unknown): boolean =>
  thrown instanceof DOMException && ['NotFoundError', 'NotReadableError'].includes(thrown.name);

/** onnxruntime throws plain errors, or a number if memory ran out. */
function asRefusal(thrown: unknown): unknown {
  if (thrown instanceof GorpError) return thrown;
  if (isGone(thrown)) {
    return new GorpError(
      'run/round-gone',
      'The files of this model are gone.',
      'Open the tab again: a later run replaced them, or they were moved on disk.',
      { cause: thrown },
    );
  }
  if (typeof thrown === 'number' || /bad_alloc|out of memory|failed to allocate/i.test(messageOf(thrown))) {
    return new GorpError(
      'weights/runtime-memory',
      'onnxruntime-web ran out of memory for this model.',
      'Choose a weight format with fewer bits, or close other tabs.',
      { cause: thrown },
    );
  }
  return new GorpError(
    'worker/runtime-failed',
    `onnxruntime-web could not run the model: ${messageOf(thrown)}.`,
    'Try another weight format. If that fails too, please report it.',
    { cause: thrown },
  );
}
