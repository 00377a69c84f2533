// Attention over two sets of keys from the attention over each: o = (o1 exp l1 + o2 exp l2) / (exp l1 + exp l2)
//
// o1, o2, o [B, S, H, d]; l1, l2 [B, H, S]: log-sum-exp of the scores of each set, as attention.wgsl leaves them.
// So answers share the keys of one prompt, which are never copied into a buffer with the answers' own.
//
// Plan: one thread per element.
// Care: the larger of l1 and l2 is subtracted first; a set without allowed keys has l = -3e38 and o = 0.

struct Params { grid: Grid, size: u32, S: u32, H: u32, d: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> o1: array<f32>;
@group(0) @binding(2) var<storage, read> l1: array<f32>;
@group(0) @binding(3) var<storage, read> o2: array<f32>;
@group(0) @binding(4) var<storage, read> l2: array<f32>;
@group(0) @binding(5) var<storage, read_write> o: array<f32>;

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
  let top = max(l1[at], l2[at]);
  let w1 = exp(l1[at] - top);
  let w2 = exp(l2[at] - top);
  o[i] = (w1 * o1[i] + w2 * o2[i]) / (w1 + w2);
}
