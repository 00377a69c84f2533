// Numbers that describe a square matrix x [n, n]
//
//   TRACE     into[index] = Σ x[i][i], where count = n
//   LARGEST   into[index + g] = max |x[i]| of part g: `each` of `count` elements
//
// Plan: a workgroup for each part, strided, then a tree. The largest of all parts is a second call, of one part.
// Care: max() may drop NaN, so NaN counts as the largest float.

struct Params { grid: Grid, count: u32, each: u32, index: u32 }
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> into: array<f32>;

const LARGEST = 3.4e38;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = groupIndex(w);
  var found = 0.0;
#if TRACE
  for (var i = local; i < p.count; i += 256u) { found += x[i * p.count + i]; }
#else
  let end = min(p.count, (group + 1u) * p.each);
  for (var i = group * p.each + local; i < end; i += 256u) {
    let value = abs(x[i]);
    found = max(found, select(LARGEST, value, value < LARGEST));
  }
#endif
  let all = combined(found, local);
  if (local == 0u) { into[p.index + group] = all; }
}
