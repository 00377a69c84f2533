// Blocks of columns, each times a number of its example, and the gradient of these numbers
//
//   y[b, t, c]        = x[b, t, c] factors[c / width, b]
//   GRADIENT  d[n, b] = Σ_t Σ_c of block n  dy[b, t, c] x[b, t, c]
// x [B, T, columns], factors [n, B], columns = n width; `tokens` is T.
//
// Plan: one thread per element of y; a workgroup of 64 per number of the gradient, whose threads stride, and a tree.

struct Params { grid: Grid, size: u32, rows: u32, tokens: u32, columns: u32, width: u32 }  // rows: B
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> other: array<f32>; // factors, or dy
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
#if GRADIENT
  let at = groupIndex(w);
  let block = at / p.rows;
  let first = (at % p.rows) * p.tokens * p.columns + block * p.width;
  var sum = 0.0;
  for (var i = local; i < p.tokens * p.width; i += 64u) {
    let place = first + (i / p.width) * p.columns + i % p.width;
    sum += other[place] * x[place];
  }
  let total = sumOfBlock(sum, local);
  if (local == 0u) { out[at] = total; }
#else
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
  let block = (i % p.columns) / p.width;
  out[i] = x[i] * other[block * p.rows + i / (p.tokens * p.columns)];
#endif
}
