import type { ModelFiles } from '../weights/model-folder.ts';
import { DECODERS, ENCODER_DECODERS, familiesIn } from './families.ts';
import { TESTS_ALL } from './tier.ts';
import { tinyModel } from './tiny-model.ts';

/** A family's model with random weights, the sizes of the reference numbers and the vocabulary of {@link tinyModel}. */
export interface TinyFamily {
  readonly family: string;
  readonly isDecoderOnly: boolean;
  /** Tokens of a prompt and of an answer that the tiny tasks need. */
  readonly lengths: { readonly sourceLength: number; readonly targetLength: number };
  /** @param more overrides its config. */
  readonly open: (more?: Readonly<Record<string, unknown>>) => ModelFiles;
}

/** A user's turn and the assistant's, one per line. */
const CHAT_TEMPLATE =
  "{% for m in messages %}{{ m.role + '\n' + m.content + '</s>' }}{% endfor %}{% if add_generation_prompt %}assistant\n{% endif %}";

/** Every family of the project's own reference numbers. */
export const TINY_FAMILIES: readonly TinyFamily[] = [ENCODER_DECODERS, DECODERS].flatMap((names, i) =>
  familiesIn(names)
    .filter(({ reference }) => reference.name === 'reference')
    .map(({ family, reference }) => {
      const hasBytes = family === 'byt5-tiny';
      const config = reference.json<Record<string, unknown>>(`golden/${family}/config.json`);
      const open = (more: Readonly<Record<string, unknown>> = {}): ModelFiles => {
        if (hasBytes) {
          const model = tinyModel({ ...config, ...more });
          return { ...model, tokenizer: null, tokenizerConfig: { tokenizer_class: 'ByT5Tokenizer' } };
        }
        // More rows than tokens, as in published models; the special tokens are those of the tiny tokenizer.
        const special = { vocab_size: 24, bos_token_id: 2, eos_token_id: 1, pad_token_id: 0 };
        return { ...tinyModel({ ...config, ...special, ...more }), tokenizerConfig: { chat_template: CHAT_TEMPLATE } };
      };
      const lengths = hasBytes ? { sourceLength: 128, targetLength: 10 } : { sourceLength: 24, targetLength: 3 };
      return { family, isDecoderOnly: i === 1, lengths, open };
    }),
);

/** An encoder with a decoder, the same on bytes, and three decoders that differ most. `npm run test:slow` takes all. */
const KINDS = ['t5-tiny', 'byt5-tiny', 'llama3-tiny', 'qwen2-tiny', 'gemma3-tiny'];

/** The families of tests in which they differ in little more than their names. */
export const TESTED_FAMILIES = TINY_FAMILIES.filter(({ family }) => TESTS_ALL || KINDS.includes(family));
