import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { DEVICE_CHOICES } from '../base/device-choice.ts';
import { GorpError } from '../base/errors.ts';
import { openDevice } from '../device/choice.ts';
import { startingForm } from '../run/planning/count-lengths.ts';
import { type Answering, answerPrompts } from '../run/evaluation/answering.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { answerLengthIn } from '../run/tasks/encoded-task.ts';
import { MAX_ANSWER } from '../tasks/labels.ts';
import { PROMPT_FORMS, promptOf } from '../tasks/prompt.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { noPositionals, oneOf, readArguments, refuseOptions, wholeNumber } from './arguments.ts';
import { EXIT, UsageError } from './exit.ts';
import { nodeDeviceHost } from './host.ts';
import { openShown, openTrainedModel } from './named-models.ts';
import { oneLine, Terminal } from './terminal.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';
import { openTaught } from './taught-model.ts';

const PromptSchema = v.union([v.string(), v.object({ prompt: v.string() })]);

/**
 * The prompts to answer: those given as options, else those on stdin.
 *
 * @param given the values of `--prompt`.
 * @param jsonl whether lines of stdin are JSON, so that a prompt may have several lines.
 * @throws UsageError if there is none; GorpError `run/bad-prompts`, naming the line.
 */
export async function readPrompts(
  given: readonly string[],
  jsonl: boolean,
  stdin: NodeJS.ReadStream = process.stdin,
): Promise<string[]> {
  if (given.length > 0) {
    if (jsonl) throw new UsageError('--jsonl applies to stdin, which --prompt replaces.');
    if (given.includes('')) throw new UsageError('--prompt needs a text.');
    return [...given];
  }
  if (stdin.isTTY) throw new UsageError('generate needs --prompt, or prompts on stdin.');
  const prompts = promptsOf(await text(stdin), jsonl);
  if (prompts.length === 0) throw new UsageError('generate needs --prompt, or prompts on stdin, which is empty.');
  return prompts;
}

/** The prompts of a text, one per line; skips empty lines. */
function promptsOf(lines: string, jsonl: boolean): string[] {
  return lines.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return [];
    return jsonl ? [promptOfLine(line, i + 1)] : [line];
  });
}

function promptOfLine(line: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw badPrompts(number, 'is not JSON', cause);
  }
  const parsed = v.safeParse(PromptSchema, value);
  if (!parsed.success) throw badPrompts(number, 'has no prompt');
  return typeof parsed.output === 'string' ? parsed.output : parsed.output.prompt;
}

const badPrompts = (line: number, what: string, cause?: unknown): GorpError =>
  new GorpError(
    'run/bad-prompts',
    `Line ${line} of stdin ${what}.`,
    'With --jsonl every line is a JSON string, or an object with "prompt".',
    { cause },
  );

export const GENERATE_USAGE = `Usage: gorp-web generate --round DIR --prompt TEXT [options]
       gorp-web generate --model NAME --prompt TEXT [options]

Answers prompts with a model, as it is or after a round. Decoding is greedy, so the same prompt gives the same answer.

  --round DIR      the model that answers: the folder that was --out of a run, that of one of its tasks, or a file of models share
  --model NAME     the model that answers; with --round, the base model if it has moved
  --prompt TEXT    what the model reads; repeatable. Without it, prompts are read from stdin, one per line
  --task NAME      a task that the model was taught: prompts are texts, asked with its question as in training
  --jsonl          lines of stdin are JSON: a string, or an object with "prompt"
  --max-new-tokens N  most tokens of an answer (default: as in the round's test; 128 without a round)
  --prompt-form FORM  chat: as the user's turn in the model's chat template (default, if it has one), or raw. A round sets it
  --device NAME    auto (default: a graphics card, else the CPU), gpu or cpu
  --json           each answer is a line of JSON on stdout: {"type":"answer","prompt","text","tokens","ended"}; "ended" is
                   false where the answer was cut off
  --help

Answers go to stdout; with several prompts, each takes one line, its line breaks written as \\n.`;

/** Maximum number of tokens in an answer, unless a round or an option sets it. */
const MAX_NEW_TOKENS = 128;
/** Prompts answered at a time, unless a round sets it. */
const BATCH_SIZE = 8;

/** `gorp-web generate`. @returns the exit code. */
export async function generate(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    round: { type: 'string' },
    model: { type: 'string' },
    prompt: { type: 'string', multiple: true, default: [] },
    task: { type: 'string' },
    jsonl: { type: 'boolean', default: false },
    'max-new-tokens': { type: 'string' },
    'prompt-form': { type: 'string' },
    device: { type: 'string', default: 'auto' },
  });
  noPositionals(positionals);
  if (values.round !== undefined) refuseOptions(args, ['prompt-form'], 'the model sets the prompt form');
  const choice = oneOf('--device', values.device, DEVICE_CHOICES);
  const form = values['prompt-form'];
  const given = form === undefined ? undefined : oneOf('--prompt-form', form, PROMPT_FORMS);
  const maxNewTokens = lengthOf(values['max-new-tokens']);
  const terminal = new Terminal(values.json);
  const { base, saved } = await openAnswering(values, terminal);
  const asks = values.task === undefined ? (text: string) => text : questionOf(values.task, saved);
  const prompts = (await readPrompts(values.prompt, values.jsonl)).map(asks);
  const guard = nodeTokenizerGuard(values.model ?? saved?.results.settings.model ?? 'the model');
  const promptForm = saved?.results.settings.training.promptForm ?? given ?? (await startingForm(base, guard));
  if (promptForm === 'chat' && !saved && !given) {
    terminal.note('Prompts: by the model’s chat template (raw ones with --prompt-form raw)');
  }
  const answering = { ...answeringOf(saved, { promptForm, maxNewTokens }), guard };
  const { device } = await openDevice(choice, nodeDeviceHost());
  try {
    let loaded = 0;
    const answers = answerPrompts(device, base, prompts, answering, saved, (name, all) =>
      terminal.live(`Preparing ${name}: ${++loaded} of ${all}`),
    );
    let at = 0;
    for await (const { text, generated, hasEnded } of answers) {
      terminal.event({ type: 'answer', prompt: prompts[at++], text, tokens: generated, ended: hasEnded });
      terminal.result(prompts.length === 1 ? text : oneLine(text));
    }
  } finally {
    await device.destroy();
  }
  return EXIT.ok;
}

/** The model that answers, and what a round trained. */
async function openAnswering(
  { round, model }: { round?: string | undefined; model?: string | undefined },
  terminal: Terminal,
): Promise<{ base: ModelFiles; saved: SavedRound | undefined }> {
  if (round !== undefined) {
    const { round: saved } = await openTaught(round);
    return { base: await openTrainedModel(saved, model, terminal), saved };
  }
  if (model === undefined) throw new UsageError('generate needs --round or --model.');
  return { base: await openShown(model, terminal), saved: undefined };
}

/** How a task that the model was taught asks with a text. @throws UsageError if the model does not know it. */
function questionOf(task: string, saved: SavedRound | undefined): (text: string) => string {
  const known = saved?.state.lessons.map(({ definition }) => definition) ?? [];
  const found = known.find(({ name }) => name === task);
  if (found !== undefined) return (text) => promptOf(found, text);
  const names = known.map(({ name }) => name).join(', ');
  throw new UsageError(
    names === ''
      ? '--task needs the question of a task, but this model holds none: give the whole prompt instead.'
      : `--task names a task that the model was taught: ${names}.`,
  );
}

/** The settings of the round's test, else those for a model as it is, with the requested answer length. */
function answeringOf(
  saved: SavedRound | undefined,
  { promptForm, maxNewTokens }: Pick<Answering, 'promptForm'> & { maxNewTokens: number | undefined },
): Answering {
  if (saved === undefined) {
    const length = maxNewTokens ?? MAX_NEW_TOKENS;
    return { promptForm, frozenWeights: 'stored', evaluationBatchSize: BATCH_SIZE, maxNewTokens: length };
  }
  const { settings, model } = saved.results;
  const { training } = settings;
  return { ...training, date: model.date, maxNewTokens: maxNewTokens ?? answerLengthIn(saved.results) };
}

/** `--max-new-tokens`. @throws UsageError. */
function lengthOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const length = wholeNumber('--max-new-tokens', text);
  if (length < 1 || length > MAX_ANSWER)
    throw new UsageError(`--max-new-tokens takes a whole number from 1 to ${MAX_ANSWER}, not ${text}.`);
  return length;
}
