import type * as ort from 'onnxruntime-web';
import type { ParsedConfig } from '../../models/families.ts';
import { WITH_NUMBERS } from '../attention-parts.ts';

/** The part of onnxruntime-web in use; the caller chooses the build. */
export type Runtime = Pick<typeof ort, 'Tensor' | 'InferenceSession'>;

/** Opens a graph of an export by its name: `encoder_model`. */
type OpenGraph = (name: string) => Promise<ort.InferenceSession>;

/** Text that a model has read and can continue. {@link TextModel.drop} frees its caches. */
export interface ReadText {
  /** Logits of the next token, [V]. */
  readonly next: Float32Array;
  /** Tokens in the caches. */
  readonly length: number;
  readonly caches: Tensors;
  /** Inputs that stay the same for every token after a prompt. */
  readonly given: Tensors;
}

type Tensors = Readonly<Record<string, ort.Tensor>>;

/** An exported model that reads and writes one text at a time, token ids in and logits out. */
export interface TextModel {
  /** Reads a prompt of one token or more. */
  read(prompt: readonly number[]): Promise<ReadText>;
  /** Continues a text with more tokens. @returns the longer text, and the logits after each token, [V] each. */
  follow(text: ReadText, tokens: readonly number[]): Promise<{ text: ReadText; logits: Float32Array[] }>;
  /** Frees the memory of a text, except what it shares with the text that it follows. */
  drop(text: ReadText, followed?: ReadText): void;
  /** Frees the sessions. */
  release(): Promise<void>;
}

/**
 * Opens the graphs of an export.
 *
 * @throws what `open` throws; then nothing stays open.
 */
export async function openTextModel(
  { Tensor }: Pick<Runtime, 'Tensor'>,
  config: ParsedConfig,
  open: OpenGraph,
): Promise<TextModel> {
  if (config.kind === 'decoder-only') return decoderOnly(Tensor, await open('model'));
  const encoder = await open('encoder_model');
  try {
    return encoderDecoder(Tensor, encoder, await open('decoder_model_merged'), config.startId);
  } catch (thrown) {
    await encoder.release();
    throw thrown;
  }
}

type TensorClass = Runtime['Tensor'];

const PAST = 'past_key_values';
const isOfEncoder = (cache: string): boolean => cache.includes('.encoder.');

function encoderDecoder(
  Tensor: TensorClass,
  encoder: ort.InferenceSession,
  decoder: ort.InferenceSession,
  startId: number,
): TextModel {
  const follow: TextModel['follow'] = async ({ caches, given, length }, tokens) => {
    const outputs = await decoder.run({ ...given, ...caches, input_ids: row(Tensor, tokens) });
    return after({ caches, given, length: length + tokens.length }, outputs);
  };
  return {
    read: async (prompt) => {
      const mask = row(Tensor, prompt.map(() => 1)); // oxfmt-ignore
      const { last_hidden_state } = await encoder.run({ input_ids: row(Tensor, prompt), attention_mask: mask });
      const given = { encoder_attention_mask: mask, encoder_hidden_states: last_hidden_state };
      const nothing = { next: new Float32Array(0), length: 0, caches: emptyCaches(Tensor, decoder), given };
      return (await follow(nothing, [startId])).text;
    },
    follow,
    drop,
    release: async () => {
      await encoder.release();
      await decoder.release();
    },
  };
}

/** Tokens of a prompt to read at once: each one gives a row of logits. */
const PROMPT_TOKENS = 64;

function decoderOnly(Tensor: TensorClass, session: ort.InferenceSession): TextModel {
  const readsWhole = session.inputMetadata.some((input) => input.isTensor && input.shape.includes(WITH_NUMBERS));
  const follow: TextModel['follow'] = async ({ caches, given, length }, tokens) => {
    const all = length + tokens.length;
    const outputs = await session.run({
      ...caches,
      input_ids: row(Tensor, tokens),
      position_ids: row(Tensor, tokens.map((_, i) => length + i)), // oxfmt-ignore
      attention_mask: row(Tensor, new Array<number>(all).fill(1)),
    });
    return after({ caches, given, length: all }, outputs);
  };
  return {
    read: async (prompt) => {
      let text: ReadText = {
        next: new Float32Array(0),
        length: 0,
        caches: emptyCaches(Tensor, session),
        given: {},
      };
      const many = readsWhole ? prompt.length : PROMPT_TOKENS;
      for (let at = 0; at < prompt.length; at += many) {
        const before = text;
        ({ text } = await follow(before, prompt.slice(at, at + many)));
        drop(before, text);
      }
      return text;
    },
    follow,
    drop,
    release: () => session.release(),
  };
}

/** A text after a call of the decoder. */
function after(
  { caches, given, length }: Omit<ReadText, 'next'>,
  outputs: ort.InferenceSession.ReturnType,
): { text: ReadText; logits: Float32Array[] } {
  const next = Object.entries(caches).map(([name, cache]): [string, ort.Tensor] => {
    const present = outputs[name.replace(PAST, 'present')];
    // The first call returns the keys and values of the prompt, later calls empty ones.
    if (!isOfEncoder(name) || cache.dims[2] === 0) return [name, present];
    present.dispose();
    return [name, cache];
  });
  const { data, dims } = outputs['logits'];
  const [, tokens, size] = dims;
  const logits = Array.from({ length: tokens }, (_, t) => (data as Float32Array).slice(t * size, (t + 1) * size));
  return { text: { next: logits[tokens - 1], length, given, caches: Object.fromEntries(next) }, logits };
}

const drop: TextModel['drop'] = ({ caches, given }, followed) => {
  const shared = new Set([...Object.values(followed?.caches ?? {}), ...Object.values(followed?.given ?? {})]);
  for (const tensor of [...Object.values(caches), ...Object.values(given)]) {
    if (!shared.has(tensor)) tensor.dispose();
  }
};

/** Caches of no tokens: dimensions without a number are 0, except the batch, which is 1. */
function emptyCaches(Tensor: TensorClass, { inputMetadata }: ort.InferenceSession): Tensors {
  const caches: Record<string, ort.Tensor> = {};
  for (const input of inputMetadata) {
    if (!input.isTensor || !input.name.startsWith(`${PAST}.`)) continue;
    const dims = input.shape.map((size) => (typeof size === 'number' ? size : size === 'batch_size' ? 1 : 0));
    caches[input.name] = new Tensor('float32', new Float32Array(0), dims);
  }
  return caches;
}

/** Whole numbers as one row of a batch, i64 [1, n]. */
const row = (Tensor: TensorClass, values: readonly number[]): ort.Tensor =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
