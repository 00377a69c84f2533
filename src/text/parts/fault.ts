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
