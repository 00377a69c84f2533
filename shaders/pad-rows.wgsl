// Copies a matrix so that its rows begin at multiples of four floats  Y[r, c] = X[r, c], and 0 beyond the rows and
// columns of X
//
// X [rows, columns], Y [paddedRows, 4 groups], which a matrix product can read four floats at a time.
// Plan: one thread per four floats of Y.

struct Params { grid: Grid, rows: u32, columns: u32, paddedRows: u32, groups: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> X: array<f32>;
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = groupIndex(w) * 64u + local;
  if (index >= p.paddedRows * p.groups) { return; }
  let row = index / p.groups;
  let columns = vec4u(index % p.groups * 4u) + vec4u(0u, 1u, 2u, 3u);
  let at = vec4u(min(row, p.rows - 1u) * p.columns) + min(columns, vec4u(p.columns - 1u));
  let four = vec4f(X[at.x], X[at.y], X[at.z], X[at.w]);
  Y[index] = select(vec4f(), four, (columns < vec4u(p.columns)) & vec4<bool>(row < p.rows));
}
