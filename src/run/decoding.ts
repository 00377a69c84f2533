import type { Device } from '../device/device.ts';
import type { Compiled } from '../graph/compile.ts';
import type { GenerationState } from '../graph/ops/generation.ts';
import { sizeOf, type Tensor } from '../graph/tensor.ts';
import type { Tokenizer } from '../text/tokenizer.ts';

/** What a model answered to a prompt. */
export interface WrittenText {
  readonly text: string;
  /** Tokens written, including the end-of-text token. */
  readonly generated: number;
  /** Whether the model ended the text itself rather than reaching the length limit. */
  readonly hasEnded: boolean;
}

// Most answers are a word or two and the end; longer ones are checked for their end in growing strides.
const FIRST_STRIDE = 2;

/**
 * Replays a step of greedy decoding until every row has ended or is full.
 *
 * @returns tokens of the rows, u32 [rows, capacity]: the start token, then the answer.
 * @throws GorpError `device/lost`.
 */
export async function decodeToEnd(device: Device, step: Compiled, state: GenerationState): Promise<Uint32Array> {
  const capacity = state.tokens.shape[1];
  let stride = FIRST_STRIDE;
  for (let done = 0; done < capacity - 1;) {
    const steps = Math.min(stride, capacity - 1 - done);
    await device.run(new Array<typeof step.program>(steps).fill(step.program));
    done += steps;
    stride *= 2;
    const [remaining] = await readValues(device, step, state.remaining, Uint32Array);
    if (remaining === 0) break;
  }
  return readValues(device, step, state.tokens, Uint32Array);
}

/** The text of an answer's tokens, up to the one that ends it. */
export function writtenText(
  tokens: ArrayLike<number>,
  endIds: readonly number[],
  tokenizer: Pick<Tokenizer, 'decode'>,
): WrittenText {
  const ids = Array.from(tokens);
  const end = ids.findIndex((id) => endIds.includes(id));
  const hasEnded = end >= 0;
  return {
    text: tokenizer.decode(hasEnded ? ids.slice(0, end) : ids),
    generated: hasEnded ? end + 1 : ids.length,
    hasEnded,
  };
}

/** The values of a tensor of a program, read back. @throws GorpError `device/lost`. */
export async function readValues<T>(
  device: Device,
  compiled: Compiled,
  tensor: Tensor,
  type: new (buffer: ArrayBuffer, offset: number, length: number) => T,
): Promise<T> {
  return new type(await device.read(compiled.rangeOf(tensor)), 0, sizeOf(tensor.shape));
}
