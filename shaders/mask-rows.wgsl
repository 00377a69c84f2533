// Sets the rows of a stack of matrices that belong to small values to 0
//
//   out[n, i, :] = x[n, i, :]  if fewer than `cut` values of matrix n come before i, else 0
//   j comes before i if value[n, j] < value[n, i], or if they are equal and j < i
//
// A stack holds `count` matrices of rows × columns, `stride` elements apart; their values are `apart` elements apart.
//
// Plan: one workgroup of 64 per row: it counts, strided and by a tree, the values that come before its own, then copies.

struct Params { grid: Grid, count: u32, rows: u32, columns: u32, stride: u32, apart: u32, cut: u32 }
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = groupIndex(w);
  if (group >= p.count * p.rows) { return; }
  let n = group / p.rows;
  let i = group % p.rows;
  let own = values[n * p.apart + i];
  var part = 0u;
  for (var j = local; j < p.rows; j += 64u) {
    let other = values[n * p.apart + j];
    part += select(0u, 1u, other < own || (other == own && j < i));
  }
  let before = sumOfAll(part, local);
  for (var c = local; c < p.columns; c += 64u) {
    let at = n * p.stride + i * p.columns + c;
    out[at] = select(0.0, x[at], before >= p.cut);
  }
}
