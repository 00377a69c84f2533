// Rotary position embedding (Su et al. 2021) in the halves layout of Hugging Face (apply_rotary_pos_emb), and its
// gradient
//
//   y[e]     = x[e] cos a - x[e + d/2] sin a
//   y[e+d/2] = x[e + d/2] cos a + x[e] sin a          e < d/2, a = n * frequency[e]
//   GRADIENT rotates back: a -> -a
// x, y [B, S, H, d]: heads side by side, as linear layers leave them. The position of token s of row b is
// n = max(0, s + position[0] + start[b / (B / Bs)]), start [Bs]: negative where a row begins with padding.
// table [positions, d]: cos of a position's d/2 angles, then sin; computed on the host, since the angles of late
// positions are too large for some drivers' sin and cos.
//
// Plan: one thread per pair (e, e + d/2).
// Care: a position beyond the table reads its last row; the host never asks for one.

struct Params { grid: Grid, pairs: u32, B: u32, S: u32, H: u32, half: u32, Bs: u32, positions: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> start: array<i32>;
@group(0) @binding(4) var<storage, read> position: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let at = groupIndex(w) * 64u + local;
  if (at >= p.pairs) { return; }
  let e = at % p.half;
  let head = at / p.half;
  let token = head / p.H;
  let b = token / p.S;
  let n = i32(token % p.S + position[0]) + start[b / (p.B / p.Bs)];
  let row = u32(clamp(n, 0, i32(p.positions) - 1)) * p.half * 2u;
  let c = table[row + e];
#if GRADIENT
  let s = -table[row + p.half + e];
#else
  let s = table[row + p.half + e];
#endif
  let first = head * p.half * 2u + e;
  let second = first + p.half;
  let u = x[first];
  let v = x[second];
  y[first] = u * c - v * s;
  y[second] = v * c + u * s;
}
