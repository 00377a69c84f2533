import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { GraphUnderTest } from '../testing/graphs.ts';
import { compile, liveOperations, assignSlots, type PlannedOperation, withScratch } from './compile.ts';
import { Graph, type Operation, present } from './graph.ts';
import { add } from './ops/elementwise.ts';
import { bytesOf, type Tensor } from './tensor.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

/** An operation that computes nothing. */
function operation(inputs: Tensor[], outputs: Tensor[], more: Partial<Operation> = {}): Operation {
  return { name: 'nothing', inputs, outputs, calls: () => [], reference: () => undefined, ...more };
}

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
      return operation(read, written, { scratch: () => scratch });
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
        // No more slots than tensors alive at once: nothing is allocated without need.
        const max = Math.max(
          0,
          ...operations.map((_, i) => lives.filter(({ from, to }) => from <= i && i <= to).length),
        );
        expect(slots.length).toBe(max);
      }),
    );
  });

  it('runs a long chain in two slots of its largest size', () => {
    const g = new Graph();
    const tensors = Array.from({ length: 50 }, (_, i) => g.intermediate(`t${i}`, [8 + (i % 5)]));
    const operations = tensors.slice(1).map((tensor, i) => operation([tensors[i]], [tensor]));
    expect(assignSlots(planned([operation([], [tensors[0]]), ...operations]), []).slots).toEqual([48, 48]);
  });

  it('uses the slot that fits best, and grows the largest if none fits', () => {
    const g = new Graph();
    const [large, middle, small] = [100, 50, 10].map((size) => g.intermediate(`of ${size}`, [size]));
    const [fits, grows] = [45, 200].map((size) => g.intermediate(`later, ${size}`, [size]));
    const end = operation([large, middle, small], []);
    const later = operation([], [fits, grows]);
    const { slots, slotOf } = assignSlots(planned([operation([], [large, middle, small]), end, later]), []);
    expect(slotOf.get(fits)).toBe(slotOf.get(middle));
    expect(slotOf.get(grows)).toBe(slotOf.get(large));
    expect(slots).toEqual([800, 200, 40]);
  });

  it('allocates nothing for tensors in buffers of their own', () => {
    const g = new Graph();
    const buffer = device.buffers.storage('own', 16);
    const own = g.persistent('own', [4], { storage: { buffer, offset: 0, bytes: 16 } });
    expect(assignSlots(planned([operation([own], [own])]), [own])).toEqual({ slots: [], slotOf: new Map() });
    buffer.destroy();
  });
});

describe('liveOperations', () => {
  it('includes what the roots need and what changes persistent tensors, in order', () => {
    const g = new Graph();
    const [a, b, unused, c, forEffect] = ['a', 'b', 'unused', 'c', 'for effect'].map((name) =>
      g.intermediate(name, [1]),
    );
    const one = operation([], [a]);
    const two = operation([a], [b]);
    const dead = operation([b], [unused]);
    const source = operation([], [forEffect]);
    const effect = operation([forEffect], [], { effect: true });
    const root = operation([b], [c]);
    for (const each of [one, two, dead, source, effect, root]) g.record(each);
    expect(liveOperations(g, [c])).toEqual([one, two, source, effect, root]);
    expect(liveOperations(g, [])).toEqual([source, effect]);
  });
});

describe('compile', () => {
  it('computes the same as the reference when memory is shared', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const random = seededRandom(seed);
      const inputs = { x: { shape: [40] }, y: { shape: [40] } };
      const test = new GraphUnderTest(inputs, (g, input) => {
        const tensors = [input('x'), input('y')];
        for (let i = 0; i < 30; i++) {
          const pick = (): Tensor => tensors[Math.max(0, tensors.length - 1 - random.below(6))];
          tensors.push(add(g, pick(), pick(), 0.5, -0.75));
        }
        return { early: tensors[7], middle: tensors[18], last: tensors[31] };
      });
      await test.checkDevice(device, 1e-6);
    }
  });

  it('leaves nothing allocated when the device cannot hold an intermediate', async () => {
    const g = new Graph();
    const small = g.intermediate('small', [16]);
    const huge = g.intermediate('huge', [device.limits.buffer / 4 + 4]);
    g.record(operation([], [small]));
    g.record(operation([small], [huge]));
    await expect(compile(device, 'too large', g, [huge])).rejects.toThrow(
      expect.objectContaining({ code: 'device/buffer-too-large' }),
    );
    expect(device.buffers.liveLabels).toEqual([]);
  });

  it('gives the range of its roots, not of tensors whose memory is reused', async () => {
    const g = new Graph();
    const [root, other] = ['root', 'other'].map((name) => g.intermediate(name, [5]));
    g.record(operation([], [root]));
    g.record(operation([], [other]));
    const compiled = await compile(device, 'places', g, [root]);
    expect(compiled.rangeOf(root)).toMatchObject({ offset: 0, bytes: 20 });
    expect(() => compiled.rangeOf(other)).toThrow('other is not computed by places');
    compiled.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});
