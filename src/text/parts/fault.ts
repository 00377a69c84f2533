import * as v from 'valibot';
import { GorpError } from '../../base/errors.ts';

/** The error for a tokenizer that cannot be used. @param what follows "The tokenizer cannot be used:". */
export const badTokenizer = (what: string, options?: ErrorOptions): GorpError =>
  new GorpError(
    'text/bad-tokenizer',
    `The tokenizer cannot be used: ${what}.`,
    "Use the tokenizer.json and tokenizer_config.json that were published with the model's weights, or choose another model.",
    options,
  );

/**
 * A parsed file, or a part of one, in the form that a schema describes.
 *
 * @param where names it, for the message.
 * @throws GorpError `text/bad-tokenizer`.
 */
export function checked<S extends v.GenericSchema>(schema: S, input: unknown, where: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw badTokenizer(`${where}, ${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`, { cause: parsed.issues });
}

/** Letters that the parts of a tokenizer may make of a text: eight times those of the longest prompt. */
const MOST_LETTERS = 2 ** 22;

/**
 * A text that a part has made.
 *
 * @param more letters that the part has made besides.
 * @throws GorpError `text/bad-tokenizer` if they grow without bound.
 */
export function bounded(text: string, more = 0): string {
  if (text.length + more <= MOST_LETTERS) return text;
  throw badTokenizer(`tokenizer.json: it makes more than ${MOST_LETTERS} letters of a text`);
}
