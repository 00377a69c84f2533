// Numbers that describe a square matrix x [n, n]
//
//   TRACE     into[index] = Σ x[i][i]
//   LARGEST   into[index] = max |x[i][j]|
//
// Plan: one workgroup, strided, then a tree.
// Care: max() may drop NaN, so NaN counts as the largest float.

struct Params { grid: Grid, n: u32, index: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> into: array<f32>;

const LARGEST = 3.4e38;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32) {
  var found = 0.0;
#if TRACE
  for (var i = local; i < p.n; i += 256u) { found += x[i * p.n + i]; }
#else
  for (var i = local; i < p.n * p.n; i += 256u) {
    let value = abs(x[i]);
    found = max(found, select(LARGEST, value, value < LARGEST));
  }
#endif
  let all = combined(found, local);
  if (local == 0u) { into[p.index] = all; }
}
