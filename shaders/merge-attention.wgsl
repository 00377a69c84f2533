// Attention over several sets of keys from the attention over each: o = Σ o_s exp l_s / Σ exp l_s
//
// Sets are `parts0` of o0 [parts0, B, S, H, d] and, with SECOND, `parts1` of o1, alike. l0 [parts0, B, H, S] and l1:
// log-sum-exp of the scores of each set, as attention leaves them. Results: o [B, S, H, d], and without SECOND lse
// [B, H, S], log Σ exp l_s. So answers share the keys of one prompt, which are never copied into a buffer with the
// answers' own, and the keys of few queries are divided among workgroups.
//
// Plan: one thread per element.
// Care: the largest l is subtracted first; a set without allowed keys has l = -3e38 and o = 0.

struct Params { grid: Grid, size: u32, S: u32, H: u32, d: u32, parts0: u32, parts1: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read_write> o: array<f32>;
#for n in SETS
@group(0) @binding({{1 + 3 * n}}) var<storage, read> o{{n}}: array<f32>;
@group(0) @binding({{2 + 3 * n}}) var<storage, read> l{{n}}: array<f32>;
#endfor
#if !SECOND
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
  let head = i / p.d;
  let token = head / p.H;
  let at = ((token / p.S) * p.H + head % p.H) * p.S + token % p.S;
  let lines = p.size / p.d;
  var top = l0[at];
#for n in SETS
  for (var s = 0u; s < p.parts{{n}}; s++) { top = max(top, l{{n}}[s * lines + at]); }
#endfor
  var sum = 0.0;
  var weights = 0.0;
#for n in SETS
  for (var s = 0u; s < p.parts{{n}}; s++) {
    let weight = exp(l{{n}}[s * lines + at] - top);
    weights += weight;
    sum += weight * o{{n}}[s * p.size + i];
  }
#endfor
#if !SECOND
  if (i % p.d == 0u) { lse[at] = top + log(weights); }
#endif
  o[i] = sum / weights;
}
