import * as v from 'valibot';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { EncodedExample } from './fit.ts';

/** A token as it is read, and whether it is of the label, so that the loss counts it. */
export const ReadTokenSchema = v.strictObject({ text: v.string(), isLabel: v.boolean() });
export type ReadToken = v.InferOutput<typeof ReadTokenSchema>;

/** An example of a task as a model reads it. */
export const ReadingSchema = v.strictObject({
  task: v.string(),
  tokens: v.array(ReadTokenSchema),
  /** Whether its text is cut to the prompt's length. */
  cut: v.boolean(),
});
export type Reading = v.InferOutput<typeof ReadingSchema>;

/** What a model reads of an example, token by token, special ones as they are written: put together, the whole text. */
export function readingOf(tokenizer: Tokenizer, { source, label }: EncodedExample): ReadToken[] {
  const part = (ids: readonly number[], isLabel: boolean): ReadToken[] => {
    let shown = '';
    return ids.map((_, i) => {
      const text = tokenizer.decodeWhole(ids.slice(0, i + 1));
      // A character may take several tokens: the last of them shows it.
      if (i < ids.length - 1 && text.endsWith('\ufffd')) return { text: '', isLabel };
      const added = text.slice(shown.length);
      shown = text;
      return { text: added, isLabel };
    });
  };
  return [...part(source, false), ...part(label, true)];
}
