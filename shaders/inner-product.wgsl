// Inner product of two tensors  into[index] = Σ a b
//
//   PARTS   parts[g] = Σ of a b over every groups-th run of 64 elements, g < groups
//   TOTAL   into[index] = Σ parts
//
// Plan: one workgroup of 64 per part, a single one for the total; threads stride, and a tree adds their sums.
// Care: f32, but every sum is short: at most size / (64 groups) products, then those of 64 threads, then one per group.

struct Params { grid: Grid, size: u32, groups: u32, index: u32 }
#if PARTS
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
#else
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> into: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
#if PARTS
  let group = groupIndex(w);
  for (var i = group * 64u + local; i < p.size; i += p.groups * 64u) { sum += a[i] * b[i]; }
#else
  for (var i = local; i < p.groups; i += 64u) { sum += parts[i]; }
#endif
  let total = sumOfAll(sum, local);
  if (local != 0u) { return; }
#if PARTS
  parts[group] = total;
#else
  into[p.index] = total;
#endif
}
