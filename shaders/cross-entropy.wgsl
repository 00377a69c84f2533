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
// Plan: ROWS, ARGMAX and CHOICES one workgroup of {{THREADS}} per row, which reads it once, {{READS}} elements a thread at a
// time, and combines maxima and sums by a tree; GRADIENT one thread per element; TOTAL one workgroup that adds by a tree.
// Care: the maximum is subtracted; where a later element exceeds it, the sum so far is scaled. A place is an f32, exact
// to 2^24.

struct Params { grid: Grid, rows: u32, V: u32, row: u32, first: u32, N: u32, C: u32 }
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

#if PER_ROW
// Of some elements of a row: the largest, its place, and the sum of exp(element - largest).
fn together(a: vec3f, b: vec3f) -> vec3f {
  let isB = b.x > a.x || (b.x == a.x && b.y < a.y);
#if SUMS
  let smaller = exp(-abs(a.x - b.x));
  return select(vec3f(a.xy, a.z + b.z * smaller), vec3f(b.xy, a.z * smaller + b.z), isB);
#else
  return select(a, b, isB);
#endif
}
#endif

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = groupIndex(w);
#if GRADIENT
  let index = group * {{THREADS}}u + local;
  if (index >= p.rows * p.V) { return; }
  let v = index % p.V;
  let at = index / p.V * p.row + v;
  let r = p.first + index / p.V;
  let hit = select(0.0, 1.0, labels[r] == i32(v));
  let slope = dtotal[0] * weight[r] * (exp(logits[at] - lse[r]) - hit);
  logits[at] = select(slope, 0.0, labels[r] < 0);
#endif
#if TOTAL
  var part = 0.0;
  for (var r = local; r < p.rows; r += {{THREADS}}u) { part += weight[r] * logits[r]; }
  let sum = combined(part, local);
  if (local == 0u) { total[0] = sum; }
#endif
#if PER_ROW
  if (group >= p.rows) { return; }
  let row = group * p.row;
  var part = vec3f(-3.0e38, 0.0, 0.0);
  for (var v = local; v < p.V; v += {{THREADS * READS}}u) {
#for q in READS
    let v{{q}} = v + {{q * THREADS}}u;
    let x{{q}} = logits[row + min(v{{q}}, p.V - 1u)];
#endfor
#for q in READS
    if (v{{q}} < p.V) { part = together(part, vec3f(x{{q}}, f32(v{{q}}), 1.0)); }
#endfor
  }
  let whole = combined(part, local);
#if ARGMAX
  if (local == 0u) { best[group] = u32(whole.y); }
#endif
#if SUMS
  let log_sum = whole.x + log(whole.z);
#endif
#if ROWS
  if (local == 0u) {
    lse[p.first + group] = log_sum;
    let label = labels[p.first + group];
    loss[p.first + group] = select(log_sum - logits[row + u32(max(label, 0))], 0.0, label < 0);
  }
#endif
#if CHOICES
  let of_all = p.first + group;
  let node = of_all % p.N;
  if (local == 0u) { best[of_all] = u32(whole.y); }
  for (var c = begins[node] + local; c < begins[node + 1u]; c += {{THREADS}}u) {
    loss[of_all / p.N * p.C + c] = log_sum - logits[row + tokens[c]];
  }
#endif
#endif
}
