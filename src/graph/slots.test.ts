import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../device/device.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { idle } from '../testing/graphs.ts';
import { Graph, type Operation, present } from './graph.ts';
import { assignSlots, type PlannedOperation, withScratch } from './compile.ts';
import { bytesOf, type Tensor } from './tensor.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

interface Program {
  operations: Operation[];
  keep: Tensor[];
}

/**
 * Random programs: operations with up to three earlier tensors as inputs, one or two outputs, some with scratch memory.
 */
const programs: fc.Arbitrary<Program> = fc
  .array(
    fc.record({
      inputs: fc.array(fc.nat(), { maxLength: 3 }),
      outputs: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 2 }),
      // Pieces that an operation does not need have size 0.
      scratch: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 2 }),
      keep: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    }),
    { maxLength: 25 },
  )
  .map((specs) => {
    const g = new Graph();
    const made: Tensor[] = [];
    const keep: Tensor[] = [];
    const operations = specs.map(({ inputs, outputs, scratch, keep: isKept }, i) => {
      const read = made.length === 0 ? [] : inputs.map((n) => made[n % made.length]);
      const written = outputs.map((size, o) => g.intermediate(`t${i}.${o}`, [size]));
      made.push(...written);
      if (isKept) keep.push(written[0]);
      return idle(read, written, { scratch: () => scratch });
    });
    return { operations, keep };
  });

const planned = (operations: readonly Operation[]): PlannedOperation[] => withScratch(operations, device.planner);

const touched = ({ operation: { inputs, outputs }, scratch }: PlannedOperation): Tensor[] => [
  ...inputs,
  ...outputs,
  ...present(scratch),
];

describe('assignSlots', () => {
  it('never gives one slot to two tensors that are alive at the same time', () => {
    fc.assert(
      fc.property(programs, ({ operations: unplanned, keep }) => {
        const operations = planned(unplanned);
        const { slots, slotOf } = assignSlots(operations, keep);
        const tensors = [...new Set(operations.flatMap(touched))];
        const lives = tensors.map((tensor) => {
          const uses = operations.flatMap((one, i) => (touched(one).includes(tensor) ? [i] : []));
          return { tensor, from: Math.min(...uses), to: keep.includes(tensor) ? operations.length : Math.max(...uses) };
        });
        for (const { tensor } of lives) {
          expect(slots[slotOf.get(tensor) ?? -1]).toBeGreaterThanOrEqual(bytesOf(tensor));
        }
        for (const a of lives) {
          for (const b of lives) {
            const meet = a !== b && a.from <= b.to && b.from <= a.to;
            if (meet) expect(slotOf.get(a.tensor)).not.toBe(slotOf.get(b.tensor));
          }
        }
        // Each slot is as large as its largest tensor, and no larger slot was free all the time that this one lived.
        slots.forEach((bytes, slot) => {
          const members = (at: number): typeof lives => lives.filter(({ tensor }) => slotOf.get(tensor) === at);
          const owners = members(slot).filter(({ tensor }) => bytesOf(tensor) === bytes);
          expect(owners.length).toBeGreaterThan(0);
          for (let larger = 0; larger < slot; larger++) {
            expect(slots[larger]).toBeGreaterThanOrEqual(bytes);
            const isNeeded = owners.some((a) => members(larger).some((b) => a.from <= b.to && b.from <= a.to));
            expect(isNeeded).toBe(true);
          }
        });
      }),
    );
  });

  it('runs a long chain of equal tensors in two slots', () => {
    const g = new Graph();
    const tensors = Array.from({ length: 50 }, (_, i) => g.intermediate(`t${i}`, [8]));
    const chain = tensors.map((tensor, i) => idle(tensors.slice(Math.max(0, i - 1), i), [tensor]));
    expect(assignSlots(planned(chain), []).slots).toEqual([32, 32]);
  });

  it('gives no large slot to a small tensor that outlives it', () => {
    const g = new Graph();
    const small = g.intermediate('small', [4]);
    const scratch = { scratch: () => [1000] };
    const operations = [idle([], [], scratch), idle([], [small]), idle([], [], scratch), idle([small], [])];
    expect(assignSlots(planned(operations), []).slots).toEqual([4000, 16]);
  });

  it('gives a tensor the smallest slot that is free', () => {
    const g = new Graph();
    const [large, middle, small, fits] = [100, 50, 10, 45].map((size) => g.intermediate(`of ${size}`, [size]));
    const operations = [idle([], [large, middle, small]), idle([large, middle, small], []), idle([], [fits])];
    const { slots, slotOf } = assignSlots(planned(operations), []);
    expect(slotOf.get(fits)).toBe(slotOf.get(middle));
    expect(slots).toEqual([400, 200, 40]);
  });

  it('allocates nothing for tensors in buffers of their own', () => {
    const g = new Graph();
    const buffer = device.buffers.storage('own', 16);
    const own = g.persistent('own', [4], { storage: { buffer, offset: 0, bytes: 16 } });
    expect(assignSlots(planned([idle([own], [own])]), [own])).toEqual({ slots: [], slotOf: new Map() });
    buffer.destroy();
  });
});
