// Kullback–Leibler divergence of rows of scores from a teacher's, and its gradient
//
//   ROWS      loss[r] = Σ_v q[r, v] (log q[r, v] − log p[r, v]),  0 where label[r] < 0
//             p = softmax(scores[r]), q = softmax(teacher[r]); writes their log Σ exp to lse[2 r] and lse[2 r + 1]
//   GRADIENT  out[r, v] = dloss[r] (p[r, v] − q[r, v]),  0 where label[r] < 0
// scores, teacher, out [rows, V]; labels i32, loss, dloss [rows]; lse [2 rows]. With `omits` = 1, p and q are those of the
// tokens v ≠ label[r], where out is 0; a row without another token has a loss of 0.
//
// Plan: ROWS one workgroup of {{THREADS}} per row, strided over V, which combines maxima and sums by trees; GRADIENT one
// thread per element.
// Care: the maximum is subtracted; where a later element exceeds it, the sum so far is scaled.

struct Params { grid: Grid, rows: u32, V: u32, omits: u32 }
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<i32>;
#if ROWS
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
#else
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> dloss: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;
#endif

#if ROWS
// Of some elements of both rows: the largest (xy), and the sum of exp(element - largest) (zw).
fn together(a: vec4f, b: vec4f) -> vec4f {
  let smaller = exp(-abs(a.xy - b.xy));
  let isB = b.xy > a.xy;
  return vec4f(select(a.xy, b.xy, isB), select(a.zw + b.zw * smaller, a.zw * smaller + b.zw, isB));
}
#endif

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = groupIndex(w);
#if GRADIENT
  let at = group * {{THREADS}}u + local;
  if (at >= p.rows * p.V) { return; }
  let r = at / p.V;
  let slope = dloss[r] * (exp(scores[at] - lse[2u * r]) - exp(teacher[at] - lse[2u * r + 1u]));
  let isOmitted = p.omits == 1u && i32(at % p.V) == labels[r];
  out[at] = select(slope, 0.0, labels[r] < 0 || isOmitted);
#else
  if (group >= p.rows) { return; }
  let row = group * p.V;
  let omitted = select(-1, labels[group], p.omits == 1u);
  var part = vec4f(-3.0e38, -3.0e38, 0.0, 0.0);
  for (var v = local; v < p.V; v += {{THREADS}}u) {
    if (i32(v) != omitted) { part = together(part, vec4f(scores[row + v], teacher[row + v], 1.0, 1.0)); }
  }
  let both = combined(part, local);
  let isEmpty = p.V == 1u && omitted == 0;
  let log_sum = select(both.xy + log(both.zw), vec2f(0.0), isEmpty);
  var divergence = 0.0;
  for (var v = local; v < p.V; v += {{THREADS}}u) {
    let logs = vec2f(scores[row + v], teacher[row + v]) - log_sum;
    if (i32(v) != omitted) { divergence += exp(logs.y) * (logs.y - logs.x); }
  }
  let total = sumOfRow(divergence, local);
  if (local == 0u) {
    loss[group] = select(total, 0.0, labels[group] < 0);
    lse[2u * group] = log_sum.x;
    lse[2u * group + 1u] = log_sum.y;
  }
#endif
}
