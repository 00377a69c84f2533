// Attention over several sets of keys from the attention over each: o = Σ o_s exp l_s / Σ exp l_s
//
// Sets are `parts1` of o1 [parts1, B, S, H, d] and, with SECOND, `parts2` of o2, alike. l1 [parts1, B, H, S] and l2:
// log-sum-exp of the scores of each set, as attention leaves them. Results: o [B, S, H, d], and without SECOND lse
// [B, H, S], log Σ exp l_s. So answers share the keys of one prompt, which are never copied into a buffer with the
// answers' own, and the keys of few queries are divided among workgroups.
//
// Plan: one thread per element.
// Care: the largest l is subtracted first; a set without allowed keys has l = -3e38 and o = 0.

struct Params { grid: Grid, size: u32, S: u32, H: u32, d: u32, parts1: u32, parts2: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> o1: array<f32>;
@group(0) @binding(2) var<storage, read> l1: array<f32>;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
#if SECOND
@group(0) @binding(4) var<storage, read> o2: array<f32>;
@group(0) @binding(5) var<storage, read> l2: array<f32>;
#else
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
  let head = i / p.d;
  let token = head / p.H;
  let at = ((token / p.S) * p.H + head % p.H) * p.S + token % p.S;
  let lines = p.size / p.d;
  var top = l1[at];
  for (var s = 1u; s < p.parts1; s++) { top = max(top, l1[s * lines + at]); }
#if SECOND
  for (var s = 0u; s < p.parts2; s++) { top = max(top, l2[s * lines + at]); }
#endif
  var sum = 0.0;
  var weights = 0.0;
  for (var s = 0u; s < p.parts1; s++) {
    let weight = exp(l1[s * lines + at] - top);
    weights += weight;
    sum += weight * o1[s * p.size + i];
  }
#if SECOND
  for (var s = 0u; s < p.parts2; s++) {
    let weight = exp(l2[s * lines + at] - top);
    weights += weight;
    sum += weight * o2[s * p.size + i];
  }
#else
  if (i % p.d == 0u) { lse[at] = top + log(weights); }
#endif
  o[i] = sum / weights;
}
