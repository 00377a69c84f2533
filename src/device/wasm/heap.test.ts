import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

const newHeap = (maximum = 64): { heap: Heap; memory: WebAssembly.Memory } => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum });
  return { heap: new Heap(memory), memory };
};

test('allocates zeros at multiples of 64 bytes, whatever was there before', () => {
  const { heap, memory } = newHeap();
  const first = heap.allocate('', 100).memory;
  new Uint8Array(memory.buffer, first, 100).fill(7);
  heap.free(first, 100);
  const again = heap.allocate('', 90).memory;
  expect(again).toBe(first);
  expect(again % 64).toBe(0);
  expect(new Uint8Array(memory.buffer, again, 90).every((byte) => byte === 0)).toBe(true);

  // At the end of the memory, half of it in a part that was used and half after it.
  new Uint8Array(memory.buffer, again, 90).fill(7);
  heap.free(again, 90);
  const longer = heap.allocate('', 300).memory;
  expect(longer).toBe(again);
  expect(new Uint8Array(memory.buffer, longer, 300).every((byte) => byte === 0)).toBe(true);
});

test('never lets parts overlap each other or the constants, and reuses freed parts', () => {
  const steps = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 200_000 }), frees: fc.nat() }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const { heap, memory } = newHeap(1024);
      const ends: number[] = [];
      const live: { start: number; bytes: number }[] = [];
      for (const { bytes, frees } of list) {
        const { memory: start, confirmed } = heap.allocate('', bytes);
        expect(confirmed).toBe(true);
        expect(start).toBeGreaterThanOrEqual(65_536);
        expect(start + bytes).toBeLessThanOrEqual(memory.buffer.byteLength);
        for (const other of live) {
          expect(start + bytes <= other.start || other.start + other.bytes <= start).toBe(true);
        }
        live.push({ start, bytes });
        ends.push(start + bytes);
        if (frees % 3 === 0) {
          const [gone] = live.splice(frees % live.length, 1);
          heap.free(gone.start, gone.bytes);
        }
      }
      for (const { start, bytes } of live) heap.free(start, bytes);
      // All is one gap again, so the memory need not grow for an allocation of its size.
      const before = memory.buffer.byteLength;
      heap.allocate('', Math.max(1, Math.max(0, ...ends) - 65_536 - 64));
      expect(memory.buffer.byteLength).toBe(before);
    }),
  );
});

test('refuses when the memory cannot grow, and stays usable', () => {
  const { heap } = newHeap(3);
  expect(heap.allocate('', 10 * 65_536)).toEqual({ memory: 0, confirmed: false });
  expect(heap.allocate('', 65_536 - 128).confirmed).toBe(true);
  expect(heap.allocate('', 65_600).confirmed).toBe(false);
});
