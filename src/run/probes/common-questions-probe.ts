import { Sha256 } from '../../base/sha256.ts';
import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import { COMMON_QUESTIONS, isRight } from '../../tasks/common-questions.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { writtenText } from '../evaluation/decoding.ts';
import { writeAnswers } from '../evaluation/free-answers.ts';
import type { CommonQuestionsReport, CommonQuestionsRound } from '../results/results.ts';

/** Tokens of an answer: a short sentence. */
export const ANSWER_TOKENS = 24;

/** The date in prompts of templates that print one: the same for all runs, so that they are asked the same. */
export const QUESTIONS_DATE = '2026-01-01T12:00:00';

/** The name of these questions in the progress of a run. */
export const QUESTIONS_NAME = 'questions of common knowledge';

/** The questions of common knowledge as a model's chat template puts them. */
export interface AskedQuestions {
  readonly report: CommonQuestionsReport;
  /** The prompts, without answers. */
  readonly prompts: readonly EncodedExample[];
  /** Tokens of the longest prompt. */
  readonly longest: number;
  /** By the model's chat template. */
  readonly tokenizer: Tokenizer;
  /** How many are answered at once. */
  readonly rows: number;
}

/** @param tokenizer by the model's chat template. @throws GorpError `settings/template-…`. */
export async function askedQuestions(tokenizer: Tokenizer, rows: number): Promise<AskedQuestions> {
  const prompts = COMMON_QUESTIONS.map(({ question }) => ({ source: tokenizer.encodePrompt(question), label: [] }));
  const hash = await Sha256.begin();
  for (const { source } of prompts) hash.update(new Uint8Array(Int32Array.of(source.length, ...source).buffer));
  const questions = COMMON_QUESTIONS.map(({ id, question }) => ({ id, question }));
  const longest = Math.max(...prompts.map(({ source }) => source.length));
  return { report: { hash: hash.digest(), questions }, prompts, longest, tokenizer, rows };
}

/**
 * Asks a model, as it is now, and judges its answers. Nothing is left on the device, and no random number is drawn: a
 * run trains the same with it and without.
 *
 * @param before what it answered before training: only what was right is asked again. Undefined asks all.
 * @param onBatch called after every batch with the questions answered and all; it may throw to stop.
 * @throws GorpError `device/…`.
 */
export async function askQuestions(
  model: { device: Device; network: Network; learner: Learner },
  { prompts, tokenizer, rows }: AskedQuestions,
  { round, before }: { round: number; before: CommonQuestionsRound | undefined },
  onBatch: (done: number, total: number) => Promise<void>,
): Promise<CommonQuestionsRound> {
  const asked = [...prompts.keys()].filter((i) => before?.right[i] !== false);
  const answers = prompts.map((): string | null => null);
  const endIds = [...model.network.tokens.endIds, tokenizer.eosId];
  const written = await writeAnswers(
    model,
    asked.map((i) => prompts[i]),
    { length: ANSWER_TOKENS, rows },
    (done) => onBatch(done, asked.length),
  );
  written.forEach((ids, k) => (answers[asked[k]] = writtenText(ids, endIds, tokenizer).text.trim()));
  return { round, answers, right: COMMON_QUESTIONS.map((one, i) => isRight(one, answers[i] ?? '')) };
}
