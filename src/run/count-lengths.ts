import { reportOf } from '../base/errors.ts';
import type { ChatTurn } from '../text/chat-turn.ts';
import { ChatTemplate, templateOf } from '../text/chat-template.ts';
import { chatTokenizer } from '../text/chat-tokenizer.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { freeAnswerLength } from '../tasks/forms.ts';
import { encodeTurns, fitTurns } from '../tasks/encode-free.ts';
import { type Breathe, breathing, fitPrompt } from '../tasks/fit.ts';
import { encodeLabels, MAX_ANSWER } from '../tasks/labels.ts';
import { encodeBeginning } from '../tasks/long-text.ts';
import { promptOf } from '../tasks/prompt.ts';
import type { Example, Task } from '../tasks/task.ts';
import type { ModelTexts } from '../weights/model-folder.ts';
import { discarding, readTexts } from './open-network.ts';
import { type RunSettings, testedTasks } from './settings.ts';
import { type DrawnTask, drawTask, type TaskHost } from './task-data.ts';
import { LONGEST, type TaskLengths, type TextLengths } from './text-lengths.ts';

/** The longest prompts that are counted, in letters. */
const LONGEST_LETTERS = 8 * LONGEST;

/** Maximum number of texts of a task that are counted. */
export const MOST_COUNTED = 1000;

/**
 * Counts the tokens of a run's texts with its model's tokenizer, as the run will read them.
 *
 * @param signal cancels the reading of tasks.
 * @throws GorpError `model/…`, `text/…`, `settings/…`. A task's own faults are in its entry.
 */
export async function textLengths(
  host: TaskHost,
  settings: RunSettings,
  texts: ModelTexts,
  signal: AbortSignal = new AbortController().signal,
): Promise<TextLengths> {
  const { tokenizer, config } = await discarding(texts, () => readTexts(texts, settings.training));
  const tasks: TextLengths['tasks'][number][] = [];
  for (const name of testedTasks(settings)) {
    try {
      const drawn = await drawTask(host, name, settings, signal);
      if (drawn.task.form !== 'text') tasks.push(await lengthsOf(tokenizer, drawn, settings.training));
    } catch (thrown) {
      tasks.push({ name, error: reportOf(thrown) });
    }
  }
  return {
    tasks,
    hasTemplate: await hasTemplate(texts, tokenizer.raw ?? tokenizer),
    positions: config.kind === 'decoder-only' ? config.maxPositions : null,
  };
}

/** Whether prompts can be written by the model's own template. */
async function hasTemplate(texts: ModelTexts, tokenizer: Tokenizer): Promise<boolean> {
  const source = templateOf(texts.tokenizerConfig, await texts.chatTemplate());
  if (source === null) return false;
  try {
    chatTokenizer(tokenizer, await ChatTemplate.read(source));
    return true;
  } catch (thrown) {
    if (reportOf(thrown).code.startsWith('settings/template')) return false;
    throw thrown;
  }
}

async function lengthsOf(
  tokenizer: Tokenizer,
  { task, train, validation, test }: DrawnTask,
  { sourceLength, targetLength }: RunSettings['training'],
): Promise<TaskLengths> {
  const all = [...train, ...validation, ...test];
  const counted = evenly(all, MOST_COUNTED);
  const breathe = breathing();
  const labels = task.labels.length > 0 ? encodeLabels(tokenizer, task, targetLength) : null;
  const most = freeAnswerLength(targetLength);
  let [cut, longest, answer, shortened] = [0, 0, 0, 0];
  for (const ids of labels ?? []) answer = Math.max(answer, ids.length);
  for (const example of counted) {
    const tokens = promptTokens(tokenizer, task, example);
    longest = Math.max(longest, tokens);
    // What is too long to count is cut as the run will cut it.
    if (tokens === Infinity ? await isCut(tokenizer, task, example, sourceLength, breathe) : tokens > sourceLength)
      cut++;
    if (labels !== null) continue;
    const length = encodeBeginning(tokenizer, example.label, MAX_ANSWER).length + 1;
    answer = Math.max(answer, length);
    if (length > most) shortened++;
  }
  return {
    name: task.name,
    texts: all.length,
    counted: counted.length,
    cut,
    longest: longest > LONGEST ? null : longest,
    question: task.form === 'chat' ? 0 : tokenizer.encodePrompt(promptOf(task, '')).length,
    answer,
    shortened,
  };
}

/** Tokens of a whole prompt; Infinity if it is too long to count. */
function promptTokens(tokenizer: Tokenizer, task: Task, { sentence, turns }: Example): number {
  const letters = turns?.reduce((sum, { content }: ChatTurn) => sum + content.length, 0) ?? sentence.length;
  if (letters > LONGEST_LETTERS) return Infinity;
  const ids = turns ? encodeTurns(tokenizer, turns) : tokenizer.encodePrompt(promptOf(task, sentence));
  return ids.length;
}

async function isCut(
  tokenizer: Tokenizer,
  task: Task,
  { sentence, turns }: Example,
  sourceLength: number,
  breathe: Breathe,
): Promise<boolean> {
  const { cut } = turns
    ? await fitTurns(tokenizer, task.name, turns, sourceLength, breathe)
    : await fitPrompt(tokenizer, task, sentence, sourceLength, breathe);
  return cut;
}

/** At most `count` of all, evenly spread. */
const evenly = <T>(all: readonly T[], count: number): readonly T[] =>
  all.length <= count ? all : Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]);
