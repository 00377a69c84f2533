import { reportOf } from '../../base/errors.ts';
import type { TokenizerGuard } from '../../base/tokenizer-config.ts';
import { positionsOf } from '../../models/families.ts';
import { ChatTemplate, templateOf } from '../../text/chat-template.ts';
import { chatTokenizer } from '../../text/chat-tokenizer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { freeAnswerLength } from '../../tasks/forms.ts';
import { fitTurns } from '../../tasks/encode-free.ts';
import { checkRefused, encodeEach, fitPrompt, type FittedPrompt, type Prompt, promptingOf } from '../../tasks/fit.ts';
import { encodeLabels, MAX_ANSWER } from '../../tasks/labels.ts';
import { encodeBeginning } from '../../tasks/long-text.ts';
import { type PromptForm, promptOf } from '../../tasks/prompt.ts';
import type { ModelTexts } from '../../weights/model-folder.ts';
import { discarding, readTexts } from '../models/open-network.ts';
import { type RunSettings, testedTasks } from '../settings/settings.ts';
import { type DrawnTask, drawTask, type TaskHost } from '../tasks/task-data.ts';
import { LONGEST, type TaskLengths, type TextLengths } from './text-lengths.ts';

/** The longest prompts that are counted, in letters. */
const LONGEST_LETTERS = 8 * LONGEST;

/** Maximum number of texts of a task that are counted. */
export const MOST_COUNTED = 1000;

/**
 * Counts the tokens of a run's texts with its model's tokenizer, as the run will read them.
 *
 * @throws GorpError `model/…`, `text/…`, `settings/…`. A task's own faults are in its entry.
 */
export async function textLengths(host: TaskHost, settings: RunSettings, texts: ModelTexts): Promise<TextLengths> {
  const { tokenizer, config } = await discarding(texts, () => readTexts(texts, settings.training));
  const tasks: TextLengths['tasks'][number][] = [];
  for (const name of testedTasks(settings)) {
    try {
      const drawn = await drawTask(host, name, settings, new AbortController().signal);
      if (drawn.task.form !== 'text') tasks.push(await lengthsOf(tokenizer, drawn, settings.training));
    } catch (thrown) {
      tasks.push({ name, error: reportOf(thrown) });
    }
  }
  return {
    tasks,
    hasTemplate: await hasTemplate(texts, tokenizer.raw ?? tokenizer),
    positions: positionsOf(config),
  };
}

/**
 * The form of prompts that runs of a model start with: by its chat template, if it has one that fits its tokenizer.
 *
 * @throws GorpError as {@link readTexts}.
 */
export async function startingForm(texts: ModelTexts, guard?: TokenizerGuard): Promise<PromptForm> {
  const { tokenizer } = await discarding(texts, () => readTexts(texts, { promptForm: 'raw' }, guard));
  return (await hasTemplate(texts, tokenizer)) ? 'chat' : 'raw';
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
  const labels = task.labels.length > 0 ? encodeLabels(tokenizer, task, targetLength) : null;
  const most = freeAnswerLength(targetLength);
  let [cut, longest, read, answer, shortened] = [0, 0, 0, 0, 0];
  for (const ids of labels ?? []) answer = Math.max(answer, ids.length);
  const { refused } = await encodeEach(counted, undefined, async ({ sentence, label, turns }, _, breathe) => {
    const prompting = promptingOf(tokenizer, { text: label, most: MAX_ANSWER });
    const letters = turns?.reduce((sum, { content }) => sum + content.length, 0) ?? sentence.length;
    // What is too long to count is cut as the run will cut it.
    const isCounted = letters <= LONGEST_LETTERS;
    const fit = (): Promise<FittedPrompt> =>
      turns
        ? fitTurns(prompting, task.name, turns, sourceLength, breathe)
        : fitPrompt(prompting, task, sentence, sourceLength, breathe);
    const whole = (): Prompt => (turns ? prompting.ofTurns(turns) : prompting.ofText(promptOf(task, sentence)));
    const prompt = isCounted ? whole() : await fit();
    const tokens = isCounted ? prompt.ids.length : Infinity;
    longest = Math.max(longest, tokens);
    read += Math.min(tokens, sourceLength);
    if ('cut' in prompt ? prompt.cut : tokens > sourceLength) cut++;
    if (labels !== null) return;
    const length = prompt.answered?.label.length ?? encodeBeginning(tokenizer, label, MAX_ANSWER).length + 1;
    answer = Math.max(answer, length);
    if (length > most) shortened++;
  });
  checkRefused(task.name, refused);
  return {
    name: task.name,
    texts: all.length,
    counted: counted.length,
    cut,
    longest: longest > LONGEST ? null : longest,
    mean: read / Math.max(1, counted.length),
    question: task.form === 'chat' ? 0 : tokenizer.encodePrompt(promptOf(task, '')).length,
    answer,
    shortened,
  };
}

/** At most `count` of all, evenly spread. */
const evenly = <T>(all: readonly T[], count: number): readonly T[] =>
  all.length <= count ? all : Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]);
