import { expect, test } from 'vitest';
import { instrument } from './instrument.ts';
import { storageBuffers, workgroupBytes, workgroupSize } from './wgsl.ts';

const WGSL = `enable f16;
struct Params { grid: Grid, n: u32, x: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
var<workgroup> part: array<array<f32, 64>, 2>;
var<workgroup> halves: array<vec4h, 8>;
var<workgroup> one: f32;
@compute @workgroup_size(8, 4)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let at = groupIndex(w) * 32u + local.x; // x[1] in a comment
  part[0][local.x] = x[ids[at] + 1u].y;
  y[at] += part[1][0];
  if (y[at] == 0.0) { y[at + 1u] = 2.0; }
}`;

test('the sizes that a kernel states', () => {
  expect(workgroupSize(WGSL)).toBe(32);
  expect(workgroupBytes(WGSL)).toBe(2 * 64 * 4 + 8 * 8 + 4);
  expect(storageBuffers(WGSL)).toEqual([
    { name: 'x', binding: 1, isWritable: false, type: 'vec4f', stride: 16 },
    { name: 'ids', binding: 2, isWritable: false, type: 'u32', stride: 4 },
    { name: 'y', binding: 3, isWritable: true, type: 'f32', stride: 4 },
  ]);
  const aliased = WGSL.replace('array<vec4f>', 'array<T>').replace('vec4h, 8', 'H, 8');
  expect(storageBuffers(`alias T = vec4f;\n${aliased}`)).toEqual(storageBuffers(WGSL));
  expect(workgroupBytes(`alias H = vec4h;\n${aliased}`)).toBe(workgroupBytes(WGSL));
  expect(() => workgroupSize('fn main() {}')).toThrow('no workgroup size');
  expect(() => workgroupBytes('var<workgroup> m: mat4x4f;')).toThrow('mat4x4f');
});

test('every access to storage is a site, also within an index', () => {
  const { sites, pools, threads } = instrument(WGSL);
  expect(sites.map(({ buffer, access, index }) => `${access} ${buffer.name}[${index}]`)).toEqual([
    'read x[ids[at] + 1u]',
    'read ids[at]',
    'update y[at]',
    'read y[at]',
    'write y[at + 1u]',
  ]);
  expect(pools.map(({ type }) => type)).toEqual(['vec4f', 'u32', 'f32']);
  expect(threads).toBe(32);
});

test('reads go to pools, writes only to the trace, and directives stay first', () => {
  const { wgsl } = instrument(WGSL);
  expect(wgsl.trimStart().startsWith('enable f16;')).toBe(true);
  expect(wgsl).toContain(
    'access_vec4f[access_at(0u, u32(access_u32[access_at(1u, u32(at), arrayLength(&access_u32))] + 1u), arrayLength(&access_vec4f))].y',
  );
  expect(wgsl).toContain('access_note(2u, u32(at)); _ =  part[1][0];');
  expect(wgsl).toContain('access_note(4u, u32(at + 1u)); _ =  2.0;');
  expect(wgsl.match(/read_write/g)).toHaveLength(1); // the trace
  expect(() => instrument(WGSL.replace('ids[at]', 'ids[at'))).toThrow('bracket');
});
