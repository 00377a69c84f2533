import { describe, expect, it, vi } from 'vitest';
import { acquirePacedGpu, acquirePlainGpu, HAS_IMMEDIATES } from '../../testing/devices.ts';
import { openStrictGpu } from '../../testing/strict-gpu.ts';
import { wholeOf } from '../buffers.ts';
import type { Device } from '../device.ts';
import { type Dispatch, planSumOfParts } from '../kernel.ts';
import { plainProduct } from '../matmul-shape.ts';
import { ownProgram, WebGpuDevice } from './webgpu-device.ts';

// A clock by which every call takes long: after its first run, its workgroups are submitted one by one along the
// longest side.
const slowClock = (): (() => number) => {
  let time = 0;
  return () => (time += 1000);
};

const SIDE = 70;

/**
 * A chain of `length` calls in turn: y ← x·wᵀ, whose parameters are too long for immediates, and a copy of the first rows
 * of y to x, whose parameters are not, said to cost as much. `pieces` is how many they can be cut into, `result` is y.
 */
async function chain(device: Device, name: string, length: number, seed = 1) {
  const floats = SIDE * SIDE;
  const buffers = ['x', 'y', 'w'].map((label) => device.buffers.storage(`${label} of ${name}`, floats * 4));
  const [x, y, w] = buffers;
  const write = (): void => {
    device.clear(y);
    device.write(
      x,
      0,
      Float32Array.from({ length: floats }, (_, i) => Math.sin(seed * i)),
    );
    device.write(
      w,
      0,
      Float32Array.from({ length: floats }, (_, i) => Math.cos(i) / 8),
    );
  };
  const [a, b, c] = [x, w, y].map(wholeOf);
  const [product] = device.planner.product(plainProduct('nt', SIDE, SIDE, SIDE), { a, b, c }, undefined);
  const copy: Dispatch = { ...planSumOfParts(1, 128), tensors: [c, a], cost: 2 * SIDE ** 3 };
  const calls = Array.from({ length }, (_, i) => (i % 2 === 0 ? product : copy));
  const program = await device.record(name, () => calls);
  write();
  const pieces = calls.reduce((sum, { workgroups = [1] }) => sum + Math.max(...workgroups), 0);
  return { program, buffers, write, result: y, pieces };
}

/** Counts submits that contain calls. */
function countSubmits({ gpu }: WebGpuDevice): { submits: number } {
  const count = { submits: 0 };
  const { queue } = gpu.device;
  const submit = queue.submit.bind(queue);
  queue.submit = (commands) => {
    if ([...commands].length > 0) count.submits++;
    submit(commands);
  };
  return count;
}

describe('a step in slices', () => {
  it('gives the same values, bit for bit, whatever the slices, with and without immediates', async () => {
    const results: Float32Array[] = []; // toEqual takes any two ArrayBuffers for equal
    const standing = { now: () => 0 }; // by this clock nothing takes any time
    const slow = { now: slowClock() };
    for (const [acquire, options] of [
      [acquirePacedGpu, standing],
      [acquirePacedGpu, slow],
      [acquirePacedGpu, { ...slow, share: 0.999_999 }],
      [acquirePlainGpu, slow],
    ] as const) {
      const device = new WebGpuDevice((await acquire()).gpu, options);
      const { program, write, result, pieces } = await chain(device, 'chain', 12);
      const wanted = options === standing ? 1 : pieces;
      const count = countSubmits(device);
      // A run's time is recorded a little after its end and decides the next cuts.
      await vi.waitFor(async () => {
        write();
        count.submits = 0;
        await device.run([program]);
        expect(count.submits).toBe(wanted);
      }, 30_000);
      results.push(new Float32Array(await device.read(wholeOf(result))));
      await device.destroy();
    }
    expect(results[0].some((value) => value !== 0)).toBe(true);
    for (const other of results) expect(other).toEqual(results[0]);
  });

  it('takes parameters along where WebGPU has immediates and they fit, else from memory', async () => {
    for (const [acquire, hasImmediates] of [
      [acquirePacedGpu, HAS_IMMEDIATES],
      [acquirePlainGpu, false],
    ] as const) {
      const device = await acquire();
      const { program } = await chain(device, 'chain', 4);
      const inMemory = ownProgram(program).calls.map(({ uniform }) => uniform !== undefined);
      expect(inMemory).toEqual([true, !hasImmediates, true, !hasImmediates]);
      const { bytes } = device.buffers.live.find(({ label }) => label === 'chain parameters') ?? {};
      expect(bytes).toBe(256 * (hasImmediates ? 2 : 4));
      await device.destroy();
    }
  });

  it('happens in the order of the calls, whatever is requested meanwhile', async () => {
    const device = new WebGpuDevice((await acquirePacedGpu()).gpu, { now: slowClock() });
    const one = await chain(device, 'one', 8);
    await device.run([one.program]);
    const expected = new Float32Array(await device.read(wholeOf(one.result)));
    one.write();
    const values = Float32Array.of(5, 6, 7, 8);
    const from = { buffer: one.result, offset: 0, bytes: 16 };
    const running = device.run([one.program]);
    const read = device.read(wholeOf(one.result));
    device.write(one.result, 0, values);
    values.fill(0); // the values at the time of the call are written
    const written = device.read(from);
    device.clear(one.result);
    const cleared = device.read(from);
    for (const owned of [one.program, ...one.buffers]) owned.destroy();
    await running;
    expect(new Float32Array(await read)).toEqual(expected);
    expect([...new Float32Array(await written)]).toEqual([5, 6, 7, 8]);
    expect([...new Float32Array(await cleared)]).toEqual([0, 0, 0, 0]);
    device.check();
    expect(device.buffers.liveLabels).toEqual([]);
    await device.destroy();
  });

  it('needs no buffer that was destroyed meanwhile', async () => {
    const strict = await openStrictGpu();
    const device = new WebGpuDevice(strict.gpu, { now: slowClock() });
    const { program, buffers, pieces } = await chain(device, 'chain', 6);
    await device.run([program]);
    await new Promise((resolve) => setTimeout(resolve));
    const before = strict.submits.length;
    const running = device.run([program]);
    expect(strict.submits.length - before).toBeLessThan(pieces / 2);
    for (const owned of [program, ...buffers]) owned.destroy();
    await running;
    expect(strict.submits.length - before).toBe(pieces);
    expect(strict.refused).toEqual([]);
    await device.destroy();
  });

  it('runs with its initial kernels when others are chosen meanwhile', async () => {
    const strict = await openStrictGpu();
    const device = new WebGpuDevice(strict.gpu, { now: slowClock() });
    const { program } = await chain(device, 'chain', 6);
    await device.run([program]);
    await new Promise((resolve) => setTimeout(resolve));
    const before = strict.submits.length;
    const running = device.run([program]);
    program.destroy(); // as when a program is replaced
    await running;
    expect(new Set(strict.submits.slice(before).flat()).size).toBe(2);
    expect(strict.refused).toEqual([]);
    await device.destroy();
  });

  it('fails when the device is lost', async () => {
    const device = new WebGpuDevice((await acquirePacedGpu()).gpu, { now: slowClock() });
    const { program } = await chain(device, 'chain', 64);
    await device.run([program]);
    await device.read(wholeOf((await chain(device, 'other', 1)).result));
    const running = device.run([program]);
    device.gpu.device.destroy();
    await expect(running).rejects.toMatchObject({ code: 'device/lost' });
    await device.destroy();
  });
});

describe('what is written', () => {
  it('goes to the device in pieces of 16 MiB', async () => {
    const device = await acquirePacedGpu();
    const sizes: number[] = [];
    const { queue } = device.gpu.device;
    const write = queue.writeBuffer.bind(queue);
    queue.writeBuffer = (buffer, offset, data, from, size) => {
      sizes.push(size ?? -1);
      write(buffer, offset, data, from, size);
    };
    const values = Float32Array.from({ length: 2 ** 23 + 1 }, (_, i) => i);
    const buffer = device.buffers.storage('large', values.byteLength + 4);
    device.write(buffer, 4, values);
    expect(sizes).toEqual([2 ** 24, 2 ** 24, 4]);
    const read = new Float32Array(await device.read({ buffer, offset: 4, bytes: values.byteLength }));
    expect(read.every((value, i) => value === i)).toBe(true);
    await device.destroy();
  });
});
