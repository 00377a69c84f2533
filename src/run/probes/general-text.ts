import { mixSeed, type Random, seededRandom, shuffled } from '../../base/random.ts';
import { sha256Of } from '../../base/sha256.ts';
import { GorpError } from '../../base/errors.ts';
import { breathing, type EncodedExample } from '../../tasks/fit.ts';
import { GENERAL_TEXT } from '../../tasks/general-text.ts';
import { encodeLong } from '../../tasks/long-text.ts';
import type { Task } from '../../tasks/task.ts';
import type { Hiding, Tokenizer } from '../../text/tokenizer-form.ts';
import { needsOf } from '../../gorp/part/method-plan.ts';
import { planOf } from '../../methods/registry.ts';
import { type PlannedTask, roundsOf } from '../settings/amount.ts';
import type { EncodedTask } from '../tasks/encoded-task.ts';
import type { GeneralTextReport } from '../results/results.ts';
import type { RunSettings } from '../settings/settings.ts';

/** The longest passage in tokens, and the shortest that it is cut to. */
const [LONGEST, SHORTEST] = [256, 32];
/** Maximum number of passages of a person's own text, and of prompts of each task. */
const [OWN_PASSAGES, MOST_PROMPTS] = [40, 16];
/** The fewest passages: fewer say too little about text in general. */
const LEAST_PASSAGES = 8;
/**
 * Shares of what a run's tests read that passages and prompts may take: together less than a tenth of their time, since
 * every token of these predicts the next, and only the last few of a test do.
 */
const [PASSAGE_SHARE, PROMPT_SHARE] = [0.04, 0.02];
/** A passage of which a larger share is missing from the vocabulary says nothing of what the model knows. */
const UNKNOWN_SHARE = 0.1;
/** The end of a text is a passage of its own if it has at least this share of the length of one. */
const REST_SHARE = 0.25;
/** Letters of a text that are looked at for each token wanted: few tokens have as many. */
const MOST_LETTERS = 16;
/** The share of the tokens that T5's pre-training hides. */
const HIDDEN_SHARE = 0.15;

/** A piece of text as a model is asked about it, and the bytes of UTF-8 that the tokens of the label stand for. */
interface Passage extends EncodedExample {
  readonly bytes: number;
}

/** Prompts of a task with their right answers: KL is measured at every token of these. */
interface TaskPrompts {
  /** Of the tasks of the run, from 1. */
  readonly task: number;
  readonly examples: readonly EncodedExample[];
}

/** The text by which a run measures what its model could do before. */
export interface GeneralText {
  /** Names the text: `included`, or `own:NAME`. */
  readonly name: string;
  /** SHA-256 of all passages, as tokens. */
  readonly hash: string;
  readonly objective: GeneralTextReport['objective'];
  /** The tokens that a passage may have at most, with all that the model reads. */
  readonly longest: number;
  /** How many passages were asked for. */
  readonly asked: number;
  readonly passages: readonly Passage[];
  /** Texts left out, since too much of them is missing from the vocabulary or they have no token to predict. */
  readonly leftOut: number;
  readonly prompts: readonly TaskPrompts[];
}

/** The general text as results describe it. */
export const reportOfText = ({
  name,
  hash,
  objective,
  longest,
  asked,
  passages,
  leftOut,
  prompts,
}: GeneralText): GeneralTextReport => ({
  name,
  hash,
  objective,
  longest,
  asked,
  tokens: passages.map(({ label }) => label.length),
  bytes: passages.map(({ bytes }) => bytes),
  leftOut,
  prompts: prompts.map(({ task, examples }) => ({
    task,
    tokens: examples.reduce((sum, { label }) => sum + label.length, 0),
  })),
});

/** The sizes that texts are cut to: passages of so many tokens at most, and their number. */
interface Fitting {
  readonly longest: number;
  readonly count: number;
}

/** The texts of a task, in order. */
export const textsOf = ({ train, dev, test }: Task): string[] =>
  [...train, ...dev, ...test].map(({ sentence, label }) => (sentence === '' ? label : `${sentence}\n${label}`));

/**
 * The general text of a run, encoded: as many passages as cost less than a tenth of the run's tests. In a short run they
 * are shorter, but not fewer than {@link LEAST_PASSAGES}, so that they have an interval. With them come test prompts of
 * the tasks that are learned.
 *
 * @param planned what is known of the cost of each task's tests.
 * @param own texts to take in place of the included ones.
 * @param measured what an earlier part of the run measured: the same is measured again.
 * @returns null if the model can read none of the included texts.
 * @throws GorpError `tasks/no-loss` if it can read none of a person's own.
 */
export async function generalText(
  tokenizer: Tokenizer,
  settings: RunSettings,
  tasks: readonly EncodedTask[],
  planned: readonly PlannedTask[],
  own: { readonly name: string; readonly texts: readonly string[] } | null,
  measured?: Pick<GeneralTextReport, 'longest' | 'asked'>,
): Promise<GeneralText | null> {
  const plain = tokenizer.raw ?? tokenizer;
  const budget = budgetOf(settings, planned, !isClosed(plain));
  const most = Math.min(LONGEST, settings.training.sourceLength);
  const shortened = Math.max(SHORTEST, Math.floor(budget.passages / LEAST_PASSAGES));
  const longest = Math.min(most, measured?.longest ?? shortened);
  const asked = measured?.asked ?? Math.max(LEAST_PASSAGES, Math.floor(budget.passages / longest));
  const count = Math.min(asked, own ? OWN_PASSAGES : GENERAL_TEXT.length);
  const texts = own ? atDistances(own.texts, count) : GENERAL_TEXT;
  const { objective, passages, leftOut } = await encodePassages(plain, texts, { longest, count });
  if (passages.length === 0) {
    if (own === null) return null;
    throw new GorpError(
      'tasks/no-loss',
      `No text of ${own.name} can be measured by this model: its vocabulary lacks most of what they are written with, or they have a single token.`,
      'Choose texts in a language that the model reads, of a sentence or more, or the included text (training.generalText).',
    );
  }
  const ids = passages.flatMap(({ source, label }) => [-1, ...source, -2, ...label]);
  return {
    name: own === null ? 'included' : `own:${own.name}`,
    hash: await sha256Of(new Uint8Array(Int32Array.from(ids).buffer)),
    objective,
    longest,
    asked,
    passages,
    leftOut,
    prompts: promptsOf(settings, tasks, budget.prompts),
  };
}

/** As many items at equal distances. */
const atDistances = <T>(items: readonly T[], count: number): T[] =>
  Array.from(
    { length: Math.min(items.length, count) },
    (_, i) => items[Math.floor((i * items.length) / Math.min(items.length, count))],
  );

/** Whether the end-of-text token closes what the model reads: that of an encoder. */
const isClosed = (tokenizer: Tokenizer): boolean => tokenizer.encodePrompt('a').at(-1) === tokenizer.eosId;

/**
 * Tokens that passages, and prompts, may take each time.
 *
 * @param isDecoder whether tests read what all prompts begin with once, unless layers depend on the prompt.
 */
function budgetOf(
  settings: RunSettings,
  tasks: readonly PlannedTask[],
  isDecoder: boolean,
): { passages: number; prompts: number } {
  const { before, rounds } = roundsOf(settings, tasks.length);
  const shares = isDecoder && needsOf(planOf(settings.method)).byPrompt === undefined;
  const costs = tasks.map(
    ({ test, promptTokens, shared, nodes, answerTokens }) =>
      test * (promptTokens - (shares ? shared : 0) + (nodes > 0 ? nodes + answerTokens / 2 : answerTokens)),
  );
  const all = [before, ...rounds.map(({ tests }) => tests)].flat().reduce((sum, task) => sum + costs[task], 0);
  const each = all / (rounds.length + 1);
  return { passages: PASSAGE_SHARE * each, prompts: PROMPT_SHARE * each };
}

/** Test examples of the tasks that are learned, at equal distances. @param tokens that they may take. */
function promptsOf({ order }: RunSettings, tasks: readonly EncodedTask[], tokens: number): TaskPrompts[] {
  return tasks.slice(0, order.length).flatMap(({ test }, i) => {
    if (test.length === 0) return [];
    const mean = test.reduce((sum, { source, label }) => sum + source.length + label.length, 0) / test.length;
    const asked = Math.max(1, Math.floor(tokens / order.length / mean));
    const count = Math.min(MOST_PROMPTS, asked);
    return { task: i + 1, examples: atDistances(test, count) };
  });
}

/**
 * Passages of texts: the first of every text, then the second of those that are long enough, and so on. No more of a text
 * is read than can be wanted.
 *
 * @param tokenizer without a chat template.
 */
export async function encodePassages(
  tokenizer: Tokenizer,
  texts: readonly string[],
  { longest, count }: Fitting,
): Promise<Pick<GeneralText, 'objective' | 'passages' | 'leftOut'>> {
  const closes = isClosed(tokenizer);
  const { hiding } = tokenizer;
  const objective = !closes ? 'next-token' : hiding === null ? 'continuation' : 'spans';
  const around = closes ? [tokenizer.eosId] : tokenizer.encodePrompt('');
  const room = Math.max(2, longest - around.length);
  const windows: { ids: number[]; text: number; at: number }[] = [];
  let leftOut = 0;
  const letters = MOST_LETTERS * room * Math.ceil(count / Math.max(1, texts.length));
  for (const [text, content] of texts.slice(0, count).entries()) {
    const ids = await encodeLong(tokenizer, content.trim().slice(0, letters), breathing());
    const unknown = ids.filter((id) => id === tokenizer.unkId).length;
    const least = closes || around.length === 0 ? 2 : 1;
    if (ids.length < least || unknown > UNKNOWN_SHARE * ids.length) {
      leftOut++;
      continue;
    }
    for (let at = 0; at < ids.length; at += room) {
      const window = ids.slice(at, at + room);
      if (at === 0 || window.length >= Math.max(least, REST_SHARE * room)) windows.push({ ids: window, text, at });
    }
  }
  const chosen = windows.sort((a, b) => a.at - b.at || a.text - b.text).slice(0, count);
  const bytesOf = (ids: readonly number[]): number => new TextEncoder().encode(tokenizer.decode(ids)).length;
  const passages = chosen.map(({ ids, text, at }): Passage => {
    /** The bytes of tokens in their place. */
    const bytesIn = (begin: number, end: number): number => bytesOf(ids.slice(0, end)) - bytesOf(ids.slice(0, begin));
    if (objective === 'next-token') {
      const read = around.length === 0 ? 1 : 0;
      return {
        source: [...around, ...ids.slice(0, read)],
        label: ids.slice(read),
        bytes: bytesIn(read, ids.length),
      };
    }
    if (hiding === null) {
      const half = ids.length >> 1;
      return { source: [...ids.slice(0, half), ...around], label: ids.slice(half), bytes: bytesIn(half, ids.length) };
    }
    const { sentinels } = hiding;
    const hidden = hiddenSpans(ids.length, hiding, seededRandom(mixSeed(0, 'spans', text, at)));
    const source: number[] = [];
    const label: number[] = [];
    let from = 0;
    hidden.forEach(([begin, end], i) => {
      source.push(...ids.slice(from, begin), sentinels[i]);
      label.push(sentinels[i], ...ids.slice(begin, end));
      from = end;
    });
    return {
      source: [...source, ...ids.slice(from), ...around],
      label: [...label, tokenizer.eosId],
      bytes: hidden.reduce((sum, [begin, end]) => sum + bytesIn(begin, end), 0),
    };
  });
  return { objective, passages, leftOut };
}

/**
 * The spans of a text of `length` tokens that T5's pre-training would hide: 15 % of it, with text before each (Raffel et al. 2020, `random_spans_noise_mask`).
 */
export function hiddenSpans(
  length: number,
  { sentinels, spanTokens }: Hiding,
  random: Random,
): [begin: number, end: number][] {
  const hidden = Math.min(length - 1, Math.max(1, Math.round(HIDDEN_SHARE * length)));
  const count = Math.min(sentinels.length, length - hidden, Math.max(1, Math.round(hidden / spanTokens)));
  const [spans, gaps] = [parted(hidden, count, random), parted(length - hidden, count, random)];
  let at = 0;
  return spans.map((tokens, i) => {
    const begin = at + gaps[i];
    at = begin + tokens;
    return [begin, at];
  });
}

/** A number as a sum of `count` positive numbers, each way equally likely. */
function parted(total: number, count: number, random: Random): number[] {
  const cuts = shuffled(
    Array.from({ length: total - 1 }, (_, i) => i + 1),
    random,
  ).slice(0, count - 1);
  const ends = [...cuts.sort((a, b) => a - b), total];
  return ends.map((end, i) => end - (i === 0 ? 0 : ends[i - 1]));
}
