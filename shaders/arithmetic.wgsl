// Elementwise sums  out = alpha a [+ beta b] [scaled by row]
//
//   BINARY   out = alpha a + beta b
//   ROWS     out[r, c] = alpha a[r, c] * weight[r]      weight [rows]; masks padded rows
//   COLUMNS  out[r, c] = alpha a[r, c] + beta b[c]      b [columns]; the bias of a linear layer
//   SCALE    out = alpha a
//   SIGN     out = sign(a): −1, 0 or 1
//   UNIT     out = a / (√b[0] + alpha)                   b [1]: ‖a‖²
// `size` elements, rows of `columns`. IN_PLACE: b is the output, out = alpha a + beta out.
//
// Plan: one thread per element.

struct Params { grid: Grid, size: u32, columns: u32, alpha: f32, beta: f32 }
@group(0) @binding(1) var<storage, read> a: array<f32>;
#if UNARY
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
#else
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
#if ROWS
  out[i] = p.alpha * a[i] * b[i / p.columns];
#endif
#if BINARY
  out[i] = p.alpha * a[i] + p.beta * b[i];
#endif
#if COLUMNS
  out[i] = p.alpha * a[i] + p.beta * b[i % p.columns];
#endif
#if SCALE
  out[i] = p.alpha * a[i];
#endif
#if SIGN
  out[i] = sign(a[i]);
#endif
#if UNIT
  out[i] = a[i] / (sqrt(b[0]) + p.alpha);
#endif
#if IN_PLACE
  out[i] = p.alpha * a[i] + p.beta * out[i];
#endif
}
