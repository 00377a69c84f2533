import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BufferRange, wholeOf } from '../../src/device/buffers.ts';
import { type Dispatch, u32, type Workgroups } from '../../src/device/kernel.ts';
import type { WebGpuDevice } from '../../src/device/webgpu/webgpu-device.ts';
import { acquireTestGpu } from '../../src/testing/devices.ts';
import { AccessMeasurer } from './measure.ts';
import { flopOf, memoryBytes } from './roofline.ts';
import { byKernel, shareOf, summarize } from './summary.ts';
import { Tracer } from './tracer.ts';

let device: WebGpuDevice;
let tracer: Tracer;
beforeAll(async () => {
  device = await acquireTestGpu();
  tracer = new Tracer(device.gpu.device);
});
afterAll(async () => {
  tracer.destroy();
  await device.destroy();
});

/** A kernel over x and y, each of so many bytes; `i` is the thread's number in the grid. */
function dispatchOf(code: string, { type = 'f32', size = 64, groups = [4, 1, 1] as Workgroups, bytes = 2 ** 16 } = {}) {
  const wgsl = `struct Params { grid: Grid, n: u32 }
    @group(0) @binding(0) var<uniform> p: Params;
    @group(0) @binding(1) var<storage, read> x: array<${type}>;
    @group(0) @binding(2) var<storage, read_write> y: array<${type}>;
    @compute @workgroup_size(${size})
    fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
      let i = groupIndex(w) * ${size}u + local;
      ${code}
    }`;
  const range = (name: string): BufferRange =>
    wholeOf({ label: name, bytes, purpose: 'arena', destroy: () => undefined });
  const dispatch: Dispatch = {
    kernel: { name: 'test', wgsl: () => wgsl },
    ...{ params: [u32(8)], workgroups: groups, tensors: [range('x'), range('y')] },
  };
  return dispatch;
}

async function sharesOf(dispatch: Dispatch): Promise<number[]> {
  const { traffic } = await tracer.trace(dispatch);
  return traffic.map(shareOf);
}

test.each([
  ['neighbours read neighbouring floats', '_ = x[i];', 'f32', 1],
  ['lanes eight floats apart', '_ = x[i * 8u];', 'f32', 1 / 8],
  ['lanes two floats apart', '_ = x[i * 2u];', 'f32', 1 / 2],
  ['all lanes read one float', '_ = x[0];', 'f32', 1 / 8],
  ['all lanes read the same floats one after another', 'for (var k = 0u; k < 16u; k++) { _ = x[k]; }', 'f32', 1],
  ['neighbours read neighbouring vectors', '_ = x[i];', 'vec4f', 1],
  ['vectors two apart', '_ = x[i * 2u];', 'vec4f', 1 / 2],
  [
    'a row a lane, more rows than lines stay near',
    'for (var k = 0u; k < 32u; k++) { _ = x[i * 64u + k]; }',
    'f32',
    1 / 8,
  ],
  ['short rows a lane, all near', 'for (var k = 0u; k < 8u; k++) { _ = x[i * 8u + k]; }', 'f32', 1],
  ['neighbours write neighbouring floats', 'y[i] = 1.0;', 'f32', 1],
  ['lanes write eight floats apart', 'y[i * 8u] = 1.0;', 'f32', 1 / 8],
])('%s', async (_, code, type, share) => {
  expect(await sharesOf(dispatchOf(code, { type }))).toEqual([expect.closeTo(share, 6)]);
});

test('moved bytes are those of all workgroups, read and written', async () => {
  const { traffic } = await tracer.trace(dispatchOf('y[i] += x[i];', { groups: [5, 3, 1] }));
  const bytes = 15 * 64 * 4;
  // An update moves what it reads and what it writes.
  expect(traffic).toEqual([
    { moved: 2 * bytes, needed: 2 * bytes },
    { moved: bytes, needed: bytes },
  ]);
});

test('executions beyond those that are recorded count', async () => {
  const { traffic } = await tracer.trace(dispatchOf('for (var k = 0u; k < 100u; k++) { _ = x[k * 256u + i]; }'));
  const bytes: unknown = expect.closeTo(100 * 256 * 4, 6);
  expect(traffic).toEqual([{ moved: bytes, needed: bytes }]);
});

test('half a warp, and threads that leave early', async () => {
  const half = await tracer.trace(dispatchOf('_ = x[i];', { size: 16 }));
  expect(half.traffic).toEqual([{ moved: 4 * 64, needed: 4 * 64 }]);
  const { traffic } = await tracer.trace(dispatchOf('if (local >= 4u) { return; } _ = x[i];', { groups: [1, 1, 1] }));
  expect(traffic).toEqual([{ moved: 32, needed: 16 }]);
});

test('an index that a tensor holds is followed, and the largest tensors need no memory', async () => {
  const ids = dispatchOf('y[x[i]] = 1u;', { type: 'u32', bytes: 2 ** 31 });
  const { traffic, sites } = await tracer.trace(ids);
  expect(sites.map(({ access }) => access)).toEqual(['write', 'read']);
  expect(shareOf(traffic[0])).toBeLessThan(0.2); // ids are seven apart
  expect(shareOf(traffic[1])).toBe(1);
  const far = await tracer.trace(dispatchOf('_ = x[i + 400000000u];', { bytes: 2 ** 31 }));
  expect(far.traffic.map(shareOf)).toEqual([1]);
});

test('an index beyond the end is the last one', async () => {
  const { traffic } = await tracer.trace(dispatchOf('_ = x[i + 64u];', { bytes: 4 * 64, groups: [1, 1, 1] }));
  expect(traffic).toEqual([{ moved: 64, needed: 8 }]);
});

test('what a dispatch asks of a card, and sums over a program', async () => {
  const copy = dispatchOf('y[i] = x[i];', { bytes: 4 * 256 });
  const { sites, traffic } = await tracer.trace(copy);
  expect(memoryBytes(copy, sites, traffic)).toBe(2 * 4 * 256);
  expect(flopOf(copy)).toBe(256);
  const measured = await new AccessMeasurer(tracer).measure([copy, dispatchOf('y[i] = x[i * 8u];'), copy]);
  expect(measured.map(({ count }) => count)).toEqual([2, 1]);
  const [first] = measured;
  expect(first).toMatchObject({ threads: 256, filled: 1, moved: 2048, needed: 2048, workgroupBytes: 0 });
  // Eight warps move data for 8 of 30 cores.
  expect(first.seconds[0]).toBeCloseTo((2048 / 336e9) * (30 / 8), 15);
  expect(first.roof[0]).toBeCloseTo(2048 / 336e9, 15);
  const work = measured.map((dispatch) => ({ dispatch, times: dispatch.count }));
  const [card] = summarize(work);
  expect(card.fewThreadsShare).toBe(1);
  expect(card.neededShare).toBeLessThan(1);
  expect(byKernel(work)).toMatchObject([{ kernel: 'test', times: 3, threads: [256, 256] }]);
});
