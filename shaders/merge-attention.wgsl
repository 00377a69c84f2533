// Attention over parts of the keys as attention over all of them: o = Σ o_s exp l_s / Σ exp l_s
//
// o_s [parts, N, H, d] and l_s [parts, N, H], the log-sum-exp of the scores of each part, as attention leaves them.
// Results: o [N, H, d], and lse [N, H], log Σ exp l_s. So the keys of few queries are divided among workgroups.
//
// Plan: one thread per element.
// Care: the largest l is subtracted first; a part without allowed keys has l = -3e38 and o = 0.

struct Params { grid: Grid, size: u32, d: u32, parts: u32 }
@group(0) @binding(1) var<storage, read> os: array<f32>;
@group(0) @binding(2) var<storage, read> lses: array<f32>;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
  let at = i / p.d;
  let lines = p.size / p.d;
  var top = lses[at];
  for (var s = 0u; s < p.parts; s++) { top = max(top, lses[s * lines + at]); }
  var sum = 0.0;
  var weights = 0.0;
  for (var s = 0u; s < p.parts; s++) {
    let weight = exp(lses[s * lines + at] - top);
    weights += weight;
    sum += weight * os[s * p.size + i];
  }
  if (i % p.d == 0u) { lse[at] = top + log(weights); }
  o[i] = sum / weights;
}
