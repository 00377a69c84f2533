// Attention of a query, or of a key, per thread, which compiles quickly everywhere; formulas, shapes and care in
// `attention-inputs.wgsl`
//
// Plan: FORWARD, GRAD_Q: one thread per (b, h) and query, keys streamed, FORWARD with an online softmax; GRAD_KV: one
// thread per key, queries streamed. Workgroups run along i (or j), so adjacent threads read the same keys. Loops run
// over the vectors of a head, E of type T (vec4 where d % 4 = 0), whose number comes from the parameters, since some
// compilers unroll a loop of known length. Sums are in arrays.
// No branch depends on a score or a mask: after one, compilers of software adapters add a select to every sum.

@compute @workgroup_size({{WG}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let id = groupAt(w) * vec3u({{WG}}u, 1u, 1u) + local;
  var sums0: array<{{T}}, {{E}}>;
#if GRAD_KV
  let j = id.x;
  let hk = id.y;
  let bk = id.z;
  if (j >= p.Sk) { return; }
  let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
  let shown = isShown(bk * p.Sk + j);
  var sums1: array<{{T}}, {{E}}>;
  let group = p.H / p.Hk;
  let share = p.B / p.Bk;
  for (var b = bk * share; b < (bk + 1u) * share; b++) {
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = 0u; i < p.Sq; i++) {
        let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
        let saved = back[(b * p.H + h) * p.Sq + i];
        var s = 0.0;
        var dp = 0.0;
        for (var e = 0u; e < p.E; e++) {
          s += {{DOT}}(q[row + e], k[key + e]);
          dp += {{DOT}}(dout[row + e], v[key + e]);
        }
        let weight = select(0.0, exp(s * p.scale + biasAt(h, i, j) - saved.x), shown && isSeen(i, j));
        let ds = weight * (dp - saved.y) * p.scale;
        for (var e = 0u; e < p.E; e++) {
          sums1[e] += weight * dout[row + e];
          sums0[e] += ds * q[row + e];
        }
      }
    }
  }
  for (var e = 0u; e < p.E; e++) {
    out0[key + e] = sums0[e];
    out1[key + e] = sums1[e];
  }
#else
  let i = id.x;
  let h = id.y;
  let b = id.z;
  if (i >= p.Sq) { return; }
  let bk = b / (p.B / p.Bk);
  let hk = h / (p.H / p.Hk);
  let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
  let at = (b * p.H + h) * p.Sq + i;
#if FORWARD
  var top = NONE;
  var sum = 0.0;
#else
  let saved = back[at];
#endif
  for (var j = firstKey(i); j < p.Sk; j++) {
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
    let seen = isShown(bk * p.Sk + j) && isSeen(i, j);
    var s = biasAt(h, i, j);
#if FORWARD
    for (var e = 0u; e < p.E; e++) { s += {{DOT}}(q[row + e] * p.scale, k[key + e]); }
    s = select(NONE, s, seen);
    let higher = max(top, s);
    let shrink = exp(top - higher);
    let weight = select(0.0, exp(s - higher), s > NONE);
    top = higher;
    sum = sum * shrink + weight;
    for (var e = 0u; e < p.E; e++) { sums0[e] = sums0[e] * shrink + weight * v[key + e]; }
#else
    var dp = 0.0;
    for (var e = 0u; e < p.E; e++) {
      s += {{DOT}}(q[row + e] * p.scale, k[key + e]);
      dp += {{DOT}}(dout[row + e], v[key + e]);
    }
    let ds = select(0.0, exp(s - saved.x) * (dp - saved.y), seen);
#if SCORES
    scores[at * p.Sk + j] = ds;
#endif
    for (var e = 0u; e < p.E; e++) { sums0[e] += ds * p.scale * k[key + e]; }
#endif
  }
#if FORWARD
  lse[at] = select(NONE, top + log(max(sum, 1e-37)), sum > 0.0);
  let inverse = select(0.0, 1.0 / max(sum, 1e-37), sum > 0.0);
  for (var e = 0u; e < p.E; e++) { out0[row + e] = sums0[e] * inverse; }
#else
  for (var e = 0u; e < p.E; e++) { out0[row + e] = sums0[e]; }
#endif
#endif
}
