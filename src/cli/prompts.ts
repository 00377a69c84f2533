import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { GorpError } from '../base/errors.ts';
import { UsageError } from './exit-codes.ts';

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
