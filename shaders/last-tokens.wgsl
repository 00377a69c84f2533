// The last tokens of every row, and the gradient of this selection
//
//   y[b, t, c]  = x[b, S - T + t, c]
//   GRADIENT    dx[b, s, c] = s < S - T ? 0 : dy[b, s - (S - T), c]
// x [B, S, columns], y [B, T, columns], T <= S.
//
// Plan: one thread per element of the result.

struct Params { grid: Grid, size: u32, S: u32, T: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>; // x, or dy
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = groupIndex(w) * 64u + local;
  if (at >= p.size) { return; }
  let c = at % p.columns;
  let token = at / p.columns;
#if GRADIENT
  let t = token % p.S + p.T; // S more than the place in dy
  out[at] = 0.0;
  if (t >= p.S) { out[at] = source[((token / p.S) * p.T + t - p.S) * p.columns + c]; }
#else
  out[at] = source[((token / p.T) * p.S + p.S - p.T + token % p.T) * p.columns + c];
#endif
}
