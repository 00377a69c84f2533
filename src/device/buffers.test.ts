import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatBytes } from '../base/units.ts';
import { acquireTestGpu } from '../testing/devices.ts';
import { BufferLedger } from './buffers.ts';
import { Turns } from './turns.ts';
import { type Gpu, gpuAllocator } from './webgpu/gpu.ts';

let gpu: Gpu;
beforeAll(async () => {
  ({ gpu } = await acquireTestGpu());
});
afterAll(() => gpu.destroy());

describe('BufferLedger', () => {
  it('counts live and peak bytes, in multiples of 16', () => {
    const ledger = new BufferLedger(gpuAllocator(gpu.device, new Turns()));
    const sizes = [0, 1, 16, 17];
    const buffers = sizes.map((bytes) => ledger.storage(`${bytes} bytes`, bytes));
    expect(buffers.map((buffer) => [buffer.bytes, ledger.memoryOf(buffer).size])).toEqual([
      [16, 16],
      [16, 16],
      [16, 16],
      [32, 32],
    ]);
    expect([ledger.liveBuffers, ledger.liveBytes, ledger.peakBytes]).toEqual([4, 80, 80]);
    buffers[3].destroy();
    buffers[3].destroy();
    expect([ledger.liveBuffers, ledger.liveBytes, ledger.peakBytes]).toEqual([3, 48, 80]);
    expect(ledger.liveLabels).toEqual(['0 bytes', '1 bytes', '16 bytes']);
    ledger.storage('another', 16);
    expect([ledger.liveBytes, ledger.peakBytes]).toEqual([64, 80]);
    ledger.destroyAll();
    expect([ledger.liveBuffers, ledger.liveBytes, ledger.liveLabels]).toEqual([0, 0, []]);
    buffers[0].destroy();
    expect(ledger.liveBytes).toBe(0);
  });

  it('refuses a buffer the device cannot bind, with its name and the limit', () => {
    const ledger = new BufferLedger(gpuAllocator(gpu.device, new Turns()));
    const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
    const tooLarge = Math.min(maxStorageBufferBindingSize, maxBufferSize) + 1;
    const refused = (create: () => unknown, limit: number): void =>
      expect(create).toThrow(
        expect.objectContaining({
          code: 'device/buffer-too-large',
          message: `the embedding needs ${formatBytes(limit + 16)} in one buffer; this device allows ${formatBytes(limit)}.`,
        }),
      );
    refused(() => ledger.storage('the embedding', tooLarge), Math.min(maxStorageBufferBindingSize, maxBufferSize));
    refused(() => ledger.create('the embedding', maxBufferSize + 1, GPUBufferUsage.COPY_DST), maxBufferSize);
    expect([ledger.liveBuffers, ledger.liveBytes, ledger.peakBytes]).toEqual([0, 0, 0]);
  });

  it('is verified once the device has confirmed every buffer', async () => {
    const ledger = new BufferLedger(gpuAllocator(gpu.device, new Turns()));
    ledger.storage('small', 16);
    await expect(ledger.verified()).resolves.toBeUndefined();
    ledger.destroyAll();
  });

  it('reports a lack of memory once, naming the buffer', async () => {
    const device = deviceWithRoomFor(100);
    const ledger = new BufferLedger(gpuAllocator(device, new Turns()));
    ledger.storage('weights', 64);
    await ledger.verified();
    ledger.storage('caches', 128);
    ledger.storage('inputs', 16);
    await expect(ledger.verified()).rejects.toThrow(
      expect.objectContaining({
        code: 'device/out-of-memory',
        message: expect.stringContaining('caches (128 B;') as string,
      }),
    );
    await ledger.verified();
    ledger.destroyAll();
    expect(ledger.liveBuffers).toBe(0);
  });
});

/** A device that reports a lack of memory above a size, since filling a real one would take long. */
function deviceWithRoomFor(bytes: number): GPUDevice {
  let lacking = false;
  const device = {
    limits: { maxBufferSize: 1e9, maxStorageBufferBindingSize: 1e9 },
    pushErrorScope: () => (lacking = false),
    popErrorScope: () => Promise.resolve(lacking ? { message: 'out of memory' } : null),
    createBuffer: ({ size }: GPUBufferDescriptor) => {
      lacking = size > bytes;
      return { destroy: () => undefined };
    },
  };
  return device as unknown as GPUDevice; // the only parts that the ledger uses
}
