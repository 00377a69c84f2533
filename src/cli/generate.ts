import { DEVICE_CHOICES } from '../base/device-choice.ts';
import { openDevice } from '../device/choice.ts';
import { type Answering, answerPrompts } from '../run/evaluation/answering.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { answerLengthIn } from '../run/tasks/encoded-task.ts';
import { PROMPT_FORMS } from '../tasks/prompt-form.ts';
import { MAX_ANSWER } from '../tasks/labels.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { noPositionals, oneOf, readArguments, refuseOptions, wholeNumber } from './arguments.ts';
import { EXIT, UsageError } from './exit-codes.ts';
import { nodeDeviceHost } from './host.ts';
import { readPrompts } from './prompts.ts';
import { openRoundFolder } from './round-folder.ts';
import { openShown, openTrainedModel } from './shown-model.ts';
import { oneLine, Terminal } from './terminal.ts';
import { nodeTokenizerGuard } from './tokenizer-guard.ts';

export const GENERATE_USAGE = `Usage: gorp-web generate --round DIR --prompt TEXT [options]
       gorp-web generate --model NAME --prompt TEXT [options]

Answers prompts with a model, as it is or after a round. Decoding is greedy, so the same prompt gives the same answer.

  --round DIR      the folder of a round, written by train --out or unpacked from the page's zip
  --model NAME     the model that answers; with --round, the base model if it has moved
  --prompt TEXT    what the model reads; repeatable. Without it, prompts are read from stdin, one per line
  --jsonl          lines of stdin are JSON: a string, or an object with "prompt"
  --max-new-tokens N  most tokens of an answer (default: as in the round's test; 128 without a round)
  --prompt-form FORM  raw (default), or chat: as the user's turn in the model's chat template. A round sets it
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
    jsonl: { type: 'boolean', default: false },
    'max-new-tokens': { type: 'string' },
    'prompt-form': { type: 'string', default: 'raw' },
    device: { type: 'string', default: 'auto' },
  });
  noPositionals(positionals);
  if (values.round !== undefined) refuseOptions(args, ['prompt-form'], 'the round sets the prompt form');
  const choice = oneOf('--device', values.device, DEVICE_CHOICES);
  const promptForm = oneOf('--prompt-form', values['prompt-form'], PROMPT_FORMS);
  const maxNewTokens = lengthOf(values['max-new-tokens']);
  const terminal = new Terminal(values.json);
  const { base, saved } = await openAnswering(values, terminal);
  const prompts = await readPrompts(values.prompt, values.jsonl);
  const { device } = await openDevice(choice, nodeDeviceHost());
  try {
    const guard = nodeTokenizerGuard(values.model ?? saved?.results.settings.model ?? 'the model');
    const answering = { ...answeringOf(saved, { promptForm, maxNewTokens }), guard };
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
    const saved = await openRoundFolder(round);
    return { base: await openTrainedModel(saved, model, terminal), saved };
  }
  if (model === undefined) throw new UsageError('generate needs --round or --model.');
  return { base: await openShown(model, terminal), saved: undefined };
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
