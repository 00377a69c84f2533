import { afterEach, describe, expect, test, vi } from 'vitest';
import { nodeWasmHost } from '../../cli/node-device.ts';
import { noise } from '../../testing/graphs.ts';
import { wholeOf } from '../buffers.ts';
import type { Dispatch } from '../kernel.ts';
import { plainProduct } from '../matmul-shape.ts';
import { BLOCK_BYTES, type ThreadStart, WORDS } from './thread.mjs';
import { WasmDevice } from './wasm-device.ts';

const opened: WasmDevice[] = [];
afterEach(async () => {
  for (const device of opened.splice(0)) await device.destroy();
});

async function open(threads: number, abilities = { relaxed: false, shared: threads > 1 }): Promise<WasmDevice> {
  const device = await WasmDevice.open(nodeWasmHost(threads), abilities);
  opened.push(device);
  return device;
}

/** `repeats` products of two random matrices: reads a and b, writes c. */
function productOn(device: WasmDevice, size: number, repeats = 1) {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => device.buffers.storage(name, size * size * 4));
  device.write(a, 0, Float32Array.from(noise(size * size, 1)));
  device.write(b, 0, Float32Array.from(noise(size * size, 2)));
  const shape = plainProduct('nt', size, size, size);
  const plan = (): Dispatch[] =>
    Array.from({ length: repeats }, () =>
      device.planner.product(shape, { a: wholeOf(a), b: wholeOf(b), c: wholeOf(c) }),
    ).flat();
  return { a, b, c, plan };
}

test('an engine with few addresses gives a smaller memory, and the device says so', async () => {
  const { Memory } = WebAssembly;
  const few = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if ((descriptor.maximum ?? 0) > 8192) throw new RangeError('could not allocate memory');
      super(descriptor);
    }
  };
  vi.stubGlobal('WebAssembly', Object.create(WebAssembly, { Memory: { value: few } }));
  const { limits, facts, buffers } = await open(1);
  expect(limits).toEqual({ buffer: 8191 * 65_536, total: 8191 * 65_536 });
  expect(facts.limits).toMatchObject({ maxBufferSize: limits.buffer, maxMemorySize: limits.total });
  expect(() => buffers.storage('too large', 8192 * 65_536)).toThrow(
    expect.objectContaining({ code: 'device/buffer-too-large' }),
  );
});

describe('threads', () => {
  test('compute the same bits as one, over many calls', async () => {
    const results: Uint8Array[] = [];
    for (const threads of [1, 2, 5]) {
      const device = await open(threads);
      expect(device.facts.limits['threads']).toBe(threads);
      const { c, plan } = productOn(device, 131, 40);
      const program = await device.record('products', plan);
      for (let i = 0; i < 5; i++) await device.run([program]);
      results.push(new Uint8Array(await device.read(wholeOf(c))));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test('and one take long calls in pieces, so that other work of the thread gets its turn', async () => {
    const results: Buffer[] = [];
    for (const threads of [1, 2]) {
      const device = await open(threads);
      const { c, plan } = productOn(device, 1280); // four times the operations of a piece
      const program = await device.record('product', plan);
      let turns = 0;
      const message = new MessageChannel();
      message.port1.onmessage = () => message.port2.postMessage(++turns);
      message.port2.postMessage(0);
      await device.run([program]);
      message.port1.close();
      expect(turns).toBeGreaterThan(2);
      results.push(Buffer.from(await device.read(wholeOf(c))));
    }
    expect(results[1].equals(results[0])).toBe(true);
  });

  test('are optional when they cannot be started', async () => {
    const host = nodeWasmHost(3);
    const start = vi.fn(() => Promise.reject(new Error('no more workers')));
    const device = await WasmDevice.open({ ...host, threads: { count: 3, start } }, { relaxed: false, shared: true });
    opened.push(device);
    expect(device.facts.limits['threads']).toBe(1);
    const { plan } = productOn(device, 64);
    await device.run([await device.record('product', plan)]);
  });

  test('are not started when memory cannot be shared', async () => {
    const device = await open(4, { relaxed: false, shared: false });
    expect(device.facts.limits['threads']).toBe(1);
    expect(device.facts.features).toEqual([]);
  });
});

test('writes, copies, clears and reads in the order of the calls', async () => {
  const device = await open(1);
  const [from, to] = ['from', 'to'].map((name) => device.buffers.storage(name, 32));
  const { plan } = productOn(device, 256, 30); // long enough for turns
  const program = await device.record('slow', plan);
  const running = device.run([program]);
  const values = Float32Array.of(1, 2, 3, 4);
  device.write(from, 8, values);
  values.fill(9); // the earlier values must have been written
  const copied = device.run([], [{ from, fromOffset: 8, to, toOffset: 16, bytes: 16 }]);
  const first = device.read(wholeOf(to));
  device.clear(to);
  const second = device.read(wholeOf(to));
  await Promise.all([running, copied]);
  expect(Array.from(new Float32Array(await first))).toEqual([0, 0, 0, 0, 1, 2, 3, 4]);
  expect(Array.from(new Float32Array(await second))).toEqual(new Array(8).fill(0));
});

test('does not reuse freed memory while running work may write to it', async () => {
  const device = await open(1);
  const { c, plan } = productOn(device, 256, 30); // long enough for turns
  const running = device.run([await device.record('slow', plan)]);
  c.destroy();
  const other = device.buffers.storage('other', 256 * 256 * 4);
  await running;
  const values = new Float32Array(await device.read(wholeOf(other)));
  expect(values.every((value) => value === 0)).toBe(true);
  expect(device.buffers.liveLabels).not.toContain('c');
});

test('refuses a program with an unknown kernel, and leaves no live buffers', async () => {
  const device = await open(1);
  const kernel = { name: 'made up', wasm: { entry: 'madeUp' } };
  await expect(device.record('x', () => [{ kernel, params: [], tensors: [] }])).rejects.toThrow(/made up/);
  expect(device.buffers.liveBuffers).toBe(0);
});

test('refuses a destroyed buffer', async () => {
  const device = await open(1);
  const buffer = device.buffers.storage('gone', 16);
  buffer.destroy();
  const gone = /gone has been destroyed/;
  expect(() => device.write(buffer, 0, new Float32Array(4))).toThrow(gone);
  expect(() => device.clear(buffer)).toThrow(gone);
  expect(() => device.read(wholeOf(buffer))).toThrow(gone);
  const { b, plan } = productOn(device, 8);
  b.destroy();
  await expect(device.record('x', plan)).rejects.toThrow(/b has been destroyed/);
});

test('ends the run with the kernel’s name when it traps, in any thread', async () => {
  for (const threads of [1, 2]) {
    const device = await open(threads);
    const { plan } = productOn(device, 256);
    // An address outside the memory.
    const program = await device.record('x', () =>
      plan().map((call) => ({ ...call, tensors: call.tensors.map((range) => ({ ...range, offset: 3e9 })) })),
    );
    await expect(device.run([program])).rejects.toMatchObject({
      code: 'device/invalid-operation',
      message: expect.stringContaining('matmul') as string,
    });
    expect(() => device.check()).toThrow(/matmul/);
  }
});

test('reports a lack of memory by buffer name, and leaves no live buffers', async () => {
  const device = await open(1);
  expect(() => device.buffers.storage('a giant', 2 ** 31)).toThrow(
    expect.objectContaining({ code: 'device/buffer-too-large' }),
  );
  const max = device.limits.buffer;
  const first = device.buffers.storage('the first', max - 64);
  expect(() => device.buffers.storage('the second', max)).toThrow(
    expect.objectContaining({
      code: 'device/out-of-memory',
      message: expect.stringContaining('the second') as string,
    }),
  );
  first.destroy();
  expect(device.buffers.liveBuffers).toBe(0);
});

test('reports a thread that disappears to those who wait', async () => {
  const host = nodeWasmHost(2);
  // It begins a call and never ends it.
  const start = ({ memory, block }: ThreadStart): Promise<{ terminate(): void }> => {
    const words = new Int32Array(memory.buffer, block, BLOCK_BYTES / 4);
    vi.spyOn(Atomics, 'notify').mockImplementation(() => Atomics.add(words, WORDS.state, 1));
    vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out');
    return Promise.resolve({ terminate: () => undefined });
  };
  const device = await WasmDevice.open({ ...host, threads: { count: 2, start } }, { relaxed: false, shared: true });
  opened.push(device);
  try {
    const { plan } = productOn(device, 131);
    const waiting = expect(device.lost).rejects.toMatchObject({ code: 'device/lost' });
    const lost = { code: 'device/lost', message: expect.stringContaining('thread') as string };
    await expect(device.run([await device.record('product', plan)])).rejects.toMatchObject(lost);
    await waiting;
    expect(() => device.check()).toThrow(expect.objectContaining(lost));
  } finally {
    vi.restoreAllMocks();
  }
});
