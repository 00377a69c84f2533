// Rotary position embedding (Su et al. 2021) in the halves layout of Hugging Face (apply_rotary_pos_emb), and its
// gradient
//
//   y[e]     = x[e] cos a - x[e + d/2] sin a
//   y[e+d/2] = x[e + d/2] cos a + x[e] sin a          e < d/2, a = n * frequency[e]
// with SIGN -, the gradient, which rotates back: a -> -a,
// of the {{TENSORS}} tensors x_t, y_t [N, H_t, d]: heads side by side, as linear layers leave them. Token i is at n = max(0,
// positions[i] + offset[0]). table [reach, d]: cos of a position's d/2 angles, then sin; computed on the host, since the
// angles of late positions are too large for some drivers' sin and cos.
//
// Plan: one thread per pair (e, e + d/2) of a head of any tensor.
// Care: a position beyond the table reads its last row; the host never asks for one.

struct Params { grid: Grid, pairs: u32, half: u32, reach: u32, H0: u32, H1: u32 }
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<i32>;
@group(0) @binding(3) var<storage, read> offset: array<u32>;
#for t in TENSORS
@group(0) @binding({{4 + 2 * t}}) var<storage, read> x{{t}}: array<f32>;
@group(0) @binding({{5 + 2 * t}}) var<storage, read_write> y{{t}}: array<f32>;
#endfor

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = groupIndex(w) * 64u + local;
  if (at >= p.pairs) { return; }
  let e = at % p.half;
  let token = at / p.half / (p.H0 + p.H1);
  var head = at / p.half % (p.H0 + p.H1);
  let n = positions[token] + i32(offset[0]);
  let row = u32(clamp(n, 0, i32(p.reach) - 1)) * p.half * 2u;
  let c = table[row + e];
  let s = {{SIGN}}table[row + p.half + e];
#for t in TENSORS
  if (head < p.H{{t}}) {
    let first = (token * p.H{{t}} + head) * p.half * 2u + e;
    let second = first + p.half;
    let u = x{{t}}[first];
    let v = x{{t}}[second];
    y{{t}}[first] = u * c - v * s;
    y{{t}}[second] = v * c + u * s;
    return;
  }
  head -= p.H{{t}};
#endfor
}
