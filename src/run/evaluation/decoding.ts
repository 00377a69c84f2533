import type { Device } from '../../device/device.ts';
import type { Compiled } from '../../graph/compile.ts';
import type { GenerationState } from '../../graph/ops/generation.ts';
import type { Generation } from '../../models/network.ts';
import { sizeOf, type Tensor } from '../../graph/tensor.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';

/** A model's answer to a prompt. */
export interface WrittenText {
  readonly text: string;
  /** Tokens written, including the end-of-text token. */
  readonly generated: number;
  /** Whether the model ended the text itself rather than reaching the length limit. */
  readonly hasEnded: boolean;
}

// Steps between two checks for the end. Most answers are a word or two and the end; longer ones are checked less often,
// since a check waits for the device, but often enough that few steps follow the end of the last.
const FIRST_STRIDE = 2;
const LONGEST_STRIDE = 8;

// Fewer rows take as long as these, most of it to read the weights.
const FEWEST_ROWS = 8;

/** A generation that has read its sources. */
type Started = Pick<Generation, 'moveToFront'> & {
  readonly state: Pick<GenerationState, 'tokens' | 'done' | 'remaining'>;
};

/**
 * Replays steps of greedy decoding until every row has ended or is full. Once half of the rows have ended, the others
 * are decoded without them.
 *
 * @param rows number of first rows to decode.
 * @param stepOf the decoding step for a number of first rows. It may destroy the one that it returned before.
 * @returns tokens of every row, after the start token.
 * @throws GorpError `device/lost`.
 */
export async function decodeToEnd(
  device: Pick<Device, 'run' | 'read'>,
  generation: Started,
  rows: number,
  stepOf: (rows: number) => Promise<Pick<Compiled, 'program' | 'rangeOf'>>,
): Promise<Uint32Array[]> {
  const { state } = generation;
  const capacity = state.tokens.shape[1];
  const answers: Uint32Array[] = [];
  let places = Array.from({ length: rows }, (_, row) => row); // the row in each of the first places
  let step = await stepOf(rows);
  const collect = async (): Promise<void> => {
    const tokens = await readValues(device, step, state.tokens, Uint32Array);
    places.forEach((row, place) => (answers[row] = tokens.subarray(place * capacity + 1, (place + 1) * capacity)));
  };
  let stride = FIRST_STRIDE;
  for (let done = 0; done < capacity - 1;) {
    const steps = Math.min(stride, capacity - 1 - done);
    await device.run(new Array<typeof step.program>(steps).fill(step.program));
    done += steps;
    stride = Math.min(2 * stride, LONGEST_STRIDE);
    const [remaining] = await readValues(device, step, state.remaining, Uint32Array);
    if (remaining === 0) break;
    const fewer = halvedTo(remaining, places.length);
    if (fewer === places.length || done === capacity - 1) continue;
    await collect();
    const hasEnded = await readValues(device, step, state.done, Uint32Array);
    const open = places.flatMap((_, place) => (hasEnded[place] === 0 ? [place] : []));
    const ended = places.flatMap((_, place) => (hasEnded[place] === 0 ? [] : [place]));
    const kept = await generation.moveToFront([...open, ...ended.slice(0, fewer - open.length)]);
    places = kept.map((place) => places[place]);
    step = await stepOf(fewer);
  }
  await collect();
  return answers;
}

/** Rows halved as often as the open ones allow: few counts occur, since each has a program of its own. */
function halvedTo(open: number, rows: number): number {
  const half = Math.ceil(rows / 2);
  return half < Math.max(open, FEWEST_ROWS) ? rows : halvedTo(open, half);
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
  device: Pick<Device, 'read'>,
  compiled: Pick<Compiled, 'rangeOf'>,
  tensor: Tensor,
  type: new (buffer: ArrayBuffer, offset: number, length: number) => T,
): Promise<T> {
  return new type(await device.read(compiled.rangeOf(tensor)), 0, sizeOf(tensor.shape));
}
