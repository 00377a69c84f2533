// Cross-entropy over a vocabulary, its gradient, and the arg-max of the same rows
//
//   ROWS      loss[r] = lse[r] - logits[r, label[r]], lse[r] = log Σ_v exp logits[r, v];  0 where label[r] < 0
//   TOTAL     total = Σ_r weight[r] loss[r]           (weight holds mask / divisor)
//   GRADIENT  logits[r, v] ← dtotal weight[r] (exp(logits - lse) - [v = label]), in place
//   ARGMAX    best[r] = the lowest v with the largest logits[r, v]
//   CHOICES   best as in ARGMAX, and loss[r / N, c] = lse[r] - logits[r, token[c]] for the choices c of node r % N, from
//             begins[r % N] to begins[r % N + 1]; begins [N + 1], tokens [C], loss [rows / N, C]
// logits [rows, V], rows `row` elements apart; labels i32, lse, loss and weight [rows]. Logits may cover only some
// rows: then their row r is row first + r of the other tensors.
//
// Plan: ROWS, ARGMAX and CHOICES one workgroup of 64 per row, strided over V, combined in workgroup memory; GRADIENT
// one thread per element; TOTAL one workgroup that adds in a fixed order, so the sum is the same on every run.
// Care: the maximum is subtracted first.

struct Params { grid: Grid, rows: u32, V: u32, row: u32, first: u32, N: u32, C: u32 }
@group(0) @binding(0) var<uniform> p: Params;
#if GRADIENT
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
#else
@group(0) @binding(1) var<storage, read> logits: array<f32>; // TOTAL: loss per row
#endif
#if ROWS
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#endif
#if TOTAL
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> total: array<f32>;
#endif
#if GRADIENT
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read> lse: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> dtotal: array<f32>;
#endif
#if ARGMAX
@group(0) @binding(2) var<storage, read_write> best: array<u32>;
#endif
#if CHOICES
@group(0) @binding(2) var<storage, read> begins: array<u32>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> best: array<u32>;
#endif

var<workgroup> values: array<f32, 64>;
var<workgroup> indexes: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let group = groupIndex(w);
#if GRADIENT
  let index = group * 64u + local;
  if (index >= p.rows * p.V) { return; }
  let v = index % p.V;
  let at = index / p.V * p.row + v;
  let r = p.first + index / p.V;
  if (labels[r] < 0) {
    logits[at] = 0.0;
    return;
  }
  let hit = select(0.0, 1.0, u32(labels[r]) == v);
  logits[at] = dtotal[0] * weight[r] * (exp(logits[at] - lse[r]) - hit);
#endif
#if TOTAL
  var part = 0.0;
  for (var r = local; r < p.rows; r += 64u) { part += weight[r] * logits[r]; }
  values[local] = part;
  workgroupBarrier();
  if (local == 0u) {
    var sum = 0.0;
    for (var n = 0u; n < 64u; n++) { sum += values[n]; }
    total[0] = sum;
  }
#endif
#if PER_ROW
  // Rows beyond the end repeat the last one, so every thread reaches the barriers.
  let r = min(group, p.rows - 1u);
  let row = r * p.row;
  var top = -3.0e38;
  var where_top = 0u;
  for (var v = local; v < p.V; v += 64u) {
    let value = logits[row + v];
    if (value > top) {
      top = value;
      where_top = v;
    }
  }
  values[local] = top;
  indexes[local] = where_top;
  workgroupBarrier();
  for (var n = 0u; n < 64u; n++) {
    let better = values[n] > top || (values[n] == top && indexes[n] < where_top);
    if (better) {
      top = values[n];
      where_top = indexes[n];
    }
  }
#if ARGMAX
  if (local == 0u) { best[r] = where_top; }
#endif
#if SUMS
  var part = 0.0;
  for (var v = local; v < p.V; v += 64u) { part += exp(logits[row + v] - top); }
  workgroupBarrier();
  values[local] = part;
  workgroupBarrier();
  var sum = 0.0;
  for (var n = 0u; n < 64u; n++) { sum += values[n]; }
  let log_sum = top + log(sum);
#endif
#if ROWS
  if (local == 0u) {
    lse[p.first + r] = log_sum;
    let label = labels[p.first + r];
    loss[p.first + r] = select(log_sum - logits[row + u32(max(label, 0))], 0.0, label < 0);
  }
#endif
#if CHOICES
  let of_all = p.first + r;
  let node = of_all % p.N;
  if (local == 0u) { best[of_all] = where_top; }
  for (var c = begins[node] + local; c < begins[node + 1u]; c += 64u) {
    loss[of_all / p.N * p.C + c] = log_sum - logits[row + tokens[c]];
  }
#endif
#endif
}
