import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TEST_DEVICES } from '../testing/devices.ts';
import { type OwnedBuffer, wholeOf } from './buffers.ts';
import type { Device } from './device.ts';
import type { Dispatch } from './kernel.ts';
import { plainProduct } from './matmul-shape.ts';

describe.each(TEST_DEVICES)('a buffer on $name', ({ acquire }) => {
  let device: Device;
  beforeAll(async () => {
    device = await acquire();
  });
  afterAll(() => device.destroy());

  const bufferOf = (label: string, value: number): OwnedBuffer => {
    const buffer = device.buffers.storage(label, 16);
    device.write(buffer, 0, new Float32Array(4).fill(value));
    return buffer;
  };
  const valuesOf = async (buffer: OwnedBuffer): Promise<number[]> => [
    ...new Float32Array(await device.read(wholeOf(buffer))),
  ];

  /** c = a · b, one number each. */
  const product = (a: OwnedBuffer, b: OwnedBuffer, c: OwnedBuffer): (() => Dispatch[]) => {
    const tensors = { a: wholeOf(a), b: wholeOf(b), c: wholeOf(c) };
    return () => device.planner.product(plainProduct('nt', 1, 1, 1), tensors, undefined);
  };

  it('cannot be written, cleared, copied, read or recorded after it is destroyed', async () => {
    const [left, gone] = [bufferOf('kept', 3), bufferOf('gone', 5)];
    gone.destroy();
    const copy = (from: OwnedBuffer, to: OwnedBuffer) => () =>
      device.run([], [{ from, fromOffset: 0, to, toOffset: 0, bytes: 16 }]);
    const uses: Record<string, () => unknown> = {
      written: () => device.write(gone, 0, new Float32Array(4)),
      cleared: () => device.clear(gone),
      'copied from': copy(gone, left),
      'copied to': copy(left, gone),
      read: () => device.read(wholeOf(gone)),
      recorded: () => device.record('product', product(left, gone, left)),
    };
    for (const [name, use] of Object.entries(uses)) {
      const used = Promise.resolve().then(use);
      await expect(used, name).rejects.toThrow('the buffer gone has been destroyed');
    }
    expect(await valuesOf(left)).toEqual([3, 3, 3, 3]);
    device.check();
    left.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });

  it('stops only the programs that name it from running once it is destroyed', async () => {
    const [a, b, c, other] = [bufferOf('a', 3), bufferOf('b', 5), bufferOf('c', 0), bufferOf('other', 7)];
    const [stale, fresh] = [
      await device.record('stale', product(a, b, c)),
      await device.record('fresh', product(a, other, c)),
    ];
    await device.run([stale]);
    expect((await valuesOf(c))[0]).toBe(15);
    b.destroy();
    const reuse = bufferOf('made after it', 11); // on a heap, in its place
    await expect((async () => device.run([fresh, stale]))()).rejects.toThrow(
      /^stale cannot run: its buffer b has been destroyed/,
    );
    expect((await valuesOf(c))[0]).toBe(15); // neither has run
    await device.run([fresh]);
    expect((await valuesOf(c))[0]).toBe(21);
    expect(await valuesOf(reuse)).toEqual([11, 11, 11, 11]);
    device.check();
    for (const owned of [stale, fresh, a, c, other, reuse]) owned.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});
