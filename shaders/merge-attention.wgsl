// Attention over several sets of keys from the attention over each: o = Σ o_s exp l_s / Σ exp l_s
//
// Sets are `parts0` of o0 [parts0, B, S, H, d] and `parts1`, `parts2` of o1 and o2, alike, for each of OTHERS. l0
// [parts0, B, S, H], l1 and l2: log-sum-exp of the scores of each set, as attention leaves them. Results:
// o [B, S, H, d], and with ONE lse [B, S, H], log Σ exp l_s. So answers share the keys of one prompt, and prompts those
// of their common beginning, which are never copied into a buffer with their own; and the keys of few queries are
// divided among workgroups.
//
// Plan: one thread per element.
// Care: the largest l is subtracted first; a set without allowed keys has l = -3e38 and o = 0.

struct Params { grid: Grid, size: u32, d: u32, parts0: u32, parts1: u32, parts2: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> o0: array<f32>;
@group(0) @binding(2) var<storage, read> l0: array<f32>;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
#for n in OTHERS
@group(0) @binding({{4 + 2 * n}}) var<storage, read> o{{n + 1}}: array<f32>;
@group(0) @binding({{5 + 2 * n}}) var<storage, read> l{{n + 1}}: array<f32>;
#endfor
#if ONE
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
  let at = i / p.d;
  let lines = p.size / p.d;
  var top = l0[at];
#for n in OTHERS+1
  for (var s = 0u; s < p.parts{{n}}; s++) { top = max(top, l{{n}}[s * lines + at]); }
#endfor
  var sum = 0.0;
  var weights = 0.0;
#for n in OTHERS+1
  for (var s = 0u; s < p.parts{{n}}; s++) {
    let weight = exp(l{{n}}[s * lines + at] - top);
    weights += weight;
    sum += weight * o{{n}}[s * p.size + i];
  }
#endfor
#if ONE
  if (i % p.d == 0u) { lse[at] = top + log(weights); }
#endif
  o[i] = sum / weights;
}
