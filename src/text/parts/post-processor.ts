/** The part `post_processor` of tokenizer.json, of which only the tokens before a text are read: an answer follows it. */
import * as v from 'valibot';
import { checked } from './fault.ts';
import { idSchema } from './word-model.ts';

type Part =
  | { type: 'Sequence'; processors: Part[] }
  | { type: 'ByteLevel' }
  | { type: 'BertProcessing' | 'RobertaProcessing'; cls: [string, number] }
  | v.InferOutput<typeof TemplateSchema>;

/** Of tokens around a text: published tokenizers have one or two. */
const few = <Item extends v.GenericSchema>(item: Item) => v.pipe(v.array(item), v.maxLength(100));

const TemplateSchema = v.object({
  type: v.literal('TemplateProcessing'),
  single: few(
    v.union([v.object({ SpecialToken: v.object({ id: v.string() }) }), v.object({ Sequence: v.looseObject({}) })]),
  ),
  special_tokens: v.optional(v.record(v.string(), v.object({ ids: few(idSchema), tokens: few(v.string()) })), {}),
});
const PartSchema: v.GenericSchema<unknown, Part> = v.variant('type', [
  v.object({ type: v.literal('Sequence'), processors: v.array(v.lazy(() => PartSchema)) }),
  v.object({ type: v.literal('ByteLevel') }),
  v.object({ type: v.picklist(['BertProcessing', 'RobertaProcessing']), cls: v.tuple([v.string(), idSchema]) }),
  TemplateSchema,
]);

/**
 * The tokens that are put before a text, each with its id.
 *
 * @param part null if there are none.
 * @throws GorpError `text/bad-tokenizer` for a part that is not read.
 */
export const frontOf = (part: unknown): [token: string, id: number | undefined][] =>
  part == null ? [] : front(checked(PartSchema, part, 'tokenizer.json, post_processor'));

function front(part: Part): [string, number | undefined][] {
  switch (part.type) {
    case 'Sequence':
      return part.processors.toReversed().flatMap(front);
    case 'ByteLevel':
      return [];
    case 'BertProcessing':
    case 'RobertaProcessing':
      return [part.cls];
    case 'TemplateProcessing': {
      const end = part.single.findIndex((one) => 'Sequence' in one);
      const before = part.single.slice(0, end < 0 ? undefined : end);
      return before.flatMap((one): [string, number | undefined][] => {
        if (!('SpecialToken' in one)) return [];
        const { ids, tokens } = part.special_tokens[one.SpecialToken.id] ?? { ids: [], tokens: [one.SpecialToken.id] };
        return tokens.map((token, i) => [token, ids[i]]);
      });
    }
  }
}
