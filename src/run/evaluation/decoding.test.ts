import { describe, expect, test } from 'vitest';
import type { BufferRange } from '../../device/buffers.ts';
import type { Program } from '../../device/device.ts';
import { plainTensor, type Tensor } from '../../graph/tensor.ts';
import { decodeToEnd } from './decoding.ts';

const LOST = 999_999;

/** Decodes rows that end after so many steps, with room for `capacity` tokens. @returns the rows of every step. */
async function rowsOfSteps(ends: readonly number[], capacity: number): Promise<number[]> {
  const rows = ends.length;
  const tokens = plainTensor('tokens', [rows, capacity], 'u32');
  const done = plainTensor('done', [rows], 'u32');
  const remaining = plainTensor('remaining', [1], 'u32');
  const tokenOf = (row: number, step: number): number => (step > ends[row] ? 0 : 100 * step + row);

  let places = ends.map((_, row) => row);
  let written = ends.map(() => [LOST]); // by place; the start token is not read
  const steps: number[] = [];
  const isOpen = (place: number): boolean => steps.length < ends[places[place]];
  const valuesOf = {
    tokens: () => written.flatMap((own) => [...own, ...new Array<number>(capacity - own.length).fill(LOST)]),
    done: () => places.map((_, place) => (isOpen(place) ? 0 : 1)),
    remaining: () => [places.slice(0, steps.at(-1)).filter((_, place) => isOpen(place)).length],
  };

  const destroy = (): void => undefined;
  const stepOf = (count: number) => {
    const rangeOf = ({ name, elements }: Tensor): BufferRange => {
      const bytes = 4 * elements;
      return { buffer: { label: name, bytes, purpose: 'inputs', destroy }, offset: 0, bytes };
    };
    return Promise.resolve({ program: { name: String(count), dispatchCount: 1, destroy }, rangeOf });
  };
  const device = {
    run: (programs: readonly Program[]) => {
      for (const { name } of programs) {
        steps.push(Number(name));
        for (let place = 0; place < rows; place++) {
          written[place].push(place < Number(name) ? tokenOf(places[place], steps.length) : LOST);
        }
      }
      return Promise.resolve();
    },
    read: ({ buffer: { label } }: BufferRange) =>
      Promise.resolve(Uint32Array.from(valuesOf[label as keyof typeof valuesOf]()).buffer),
  };
  const moveToFront = (chosen: readonly number[]): Promise<number[]> => {
    const order = chosen.toReversed();
    const others = places.flatMap((_, place) => (chosen.includes(place) ? [] : [place]));
    written = [...order, ...others].map((place, i) => (i < order.length ? written[place] : [LOST]));
    places = [...order, ...others].map((place) => places[place]);
    return Promise.resolve(order);
  };
  const answers = await decodeToEnd(device, { state: { tokens, done, remaining }, moveToFront }, rows, stepOf);

  answers.forEach((answer, row) => {
    expect(answer).toHaveLength(capacity - 1);
    const own = Array.from(answer).slice(0, ends[row]);
    expect(own).toEqual(own.map((_, step) => tokenOf(row, step + 1)));
  });
  expect(answers).toHaveLength(rows);
  return steps;
}

describe('decoding', () => {
  test('a word and the end take two steps', async () => {
    expect(await rowsOfSteps([2, 1, 2], 50)).toEqual([3, 3]);
  });

  test('at most seven steps follow the end of the last row', async () => {
    for (const last of [1, 3, 7, 15, 31, 34, 70, 127]) {
      const { length } = await rowsOfSteps([1, last, 2], 129);
      expect(length - last).toBeGreaterThanOrEqual(0);
      expect(length - last).toBeLessThan(8);
    }
  });

  test('no step goes beyond the room for tokens', async () => {
    for (const capacity of [2, 3, 8, 40, 41]) {
      expect(await rowsOfSteps([100, 1], capacity)).toHaveLength(capacity - 1);
    }
  });

  test('rows that have ended are left out once they make up half, as long as that saves time', async () => {
    const rows = 37;
    const one = Array.from({ length: rows }, (_, row) => (row === rows - 2 ? 30 : 1));
    expect(await rowsOfSteps(one, 65)).toEqual([37, 37, ...new Array<number>(28).fill(10)]);
    const gradually = Array.from({ length: rows }, (_, row) => 1 + ((13 * row) % rows));
    expect(new Set(await rowsOfSteps(gradually, 41))).toEqual(new Set([37, 19, 10]));
    expect(new Set(await rowsOfSteps(gradually.slice(0, 13), 41))).toEqual(new Set([13]));
  });
});
