// Kullback–Leibler divergence of rows of scores from a teacher's, and its gradient
//
//   ROWS      loss[r] = Σ_v q[r, v] (log q[r, v] − log p[r, v]),  0 where label[r] < 0
//             p = softmax(scores[r]), q = softmax(teacher[r]); writes their log Σ exp to lse[2 r] and lse[2 r + 1]
//   GRADIENT  out[r, v] = dloss[r] (p[r, v] − q[r, v]),  0 where label[r] < 0
// scores, teacher, out [rows, V]; labels i32, loss, dloss [rows]; lse [2 rows].
//
// Plan: ROWS one workgroup of 64 per row, strided over V; GRADIENT one thread per element.
// Care: the maximum is subtracted first.

struct Params { grid: Grid, rows: u32, V: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<i32>;
#if ROWS
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
#endif
#if GRADIENT
@group(0) @binding(4) var<storage, read> lse: array<f32>;
@group(0) @binding(5) var<storage, read> dloss: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;
#endif

var<workgroup> own: array<f32, 64>;
var<workgroup> other: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let group = groupIndex(w);
#if GRADIENT
  let at = group * 64u + local;
  if (at >= p.rows * p.V) { return; }
  let r = at / p.V;
  let slope = dloss[r] * (exp(scores[at] - lse[2u * r]) - exp(teacher[at] - lse[2u * r + 1u]));
  out[at] = select(slope, 0.0, labels[r] < 0);
#endif
#if ROWS
  // Rows beyond the end repeat the last one, so every thread reaches the barriers.
  let r = min(group, p.rows - 1u);
  let row = r * p.V;
  own[local] = -3.0e38;
  other[local] = -3.0e38;
  for (var v = local; v < p.V; v += 64u) {
    own[local] = max(own[local], scores[row + v]);
    other[local] = max(other[local], teacher[row + v]);
  }
  workgroupBarrier();
  var top = vec2f(-3.0e38);
  for (var n = 0u; n < 64u; n++) { top = max(top, vec2f(own[n], other[n])); }
  workgroupBarrier();
  var part = vec2f(0.0);
  for (var v = local; v < p.V; v += 64u) { part += exp(vec2f(scores[row + v], teacher[row + v]) - top); }
  own[local] = part.x;
  other[local] = part.y;
  workgroupBarrier();
  var sum = vec2f(0.0);
  for (var n = 0u; n < 64u; n++) { sum += vec2f(own[n], other[n]); }
  let log_sum = top + log(sum);
  workgroupBarrier();
  var divergence = 0.0;
  for (var v = local; v < p.V; v += 64u) {
    let logs = vec2f(scores[row + v], teacher[row + v]) - log_sum;
    divergence += exp(logs.y) * (logs.y - logs.x);
  }
  own[local] = divergence;
  workgroupBarrier();
  if (local == 0u && group < p.rows) {
    var total = 0.0;
    for (var n = 0u; n < 64u; n++) { total += own[n]; }
    loss[r] = select(total, 0.0, labels[r] < 0);
    lse[2u * r] = log_sum.x;
    lse[2u * r + 1u] = log_sum.y;
  }
#endif
}
