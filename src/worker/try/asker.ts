import { GorpError, reportOf } from '../../base/errors.ts';
import type { OnnxDtype } from '../../onnx/dtypes.ts';
import { labelProbabilities, writeAnswer } from '../../onnx/runtime/answers.ts';
import { type ChooseToken, likeliest, tokenChooser } from '../../onnx/runtime/choose-token.ts';
import type { Runtime, TextModel } from '../../onnx/runtime/text-model.ts';
import { bestScoreOf } from '../../text/scores.ts';
import type { AnsweredExample } from '../../run/files/answers-over-rounds.ts';
import type { Asking, TriedAnswer, TryMessage } from './messages.ts';
import type { PreparedModels } from './prepared-models.ts';
import { type Prompt, promptFor, type PromptParts } from './prompts.ts';

/** Thrown to interrupt an answer. */
export class StoppedAsking extends Error {}

/** What answering questions needs. */
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
export interface ExamplesToAsk {
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
      'The files of this round are gone.',
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
