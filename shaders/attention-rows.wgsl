// Attention of one query, or key, per thread; formulas, shapes and care in `attention-inputs.wgsl`
//
// Plan: FORWARD, GRAD_Q: one thread per (b, h, query), keys streamed, FORWARD with an online softmax; GRAD_KV: one thread
// per (b, h, key), queries streamed. Workgroups run along i (or j), so adjacent threads read the same keys. A head has
// {{SIZE}} values of type T (vec4 where d % 4 = 0). They are read in loops when they are needed, which compiles quickly
// everywhere. The number of values is the parameter p.E, since some compilers unroll a loop of known length.
// No branch depends on a score or a mask: after one, compilers of software adapters add a select to every sum.

@compute @workgroup_size({{WG}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let id = groupAt(w) * vec3u({{WG}}u, 1u, 1u) + local;
#if GRAD_KV
  let j = id.x;
  let hk = id.y;
  let bk = id.z;
  if (j >= p.Sk) { return; }
  let shown = isShown(bk * p.Sk + j);
  let key = ((bk * p.Sk + j) * p.Hk + hk) * {{SIZE}}u;
  var dk: array<{{T}}, {{SIZE}}>;
  var dv: array<{{T}}, {{SIZE}}>;
  let group = p.H / p.Hk;
  let share = p.B / p.Bk;
  for (var b = bk * share; b < (bk + 1u) * share; b++) {
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = 0u; i < p.Sq; i++) {
        let row = ((b * p.Sq + i) * p.H + h) * {{SIZE}}u;
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
          dv[e] += weight * dout[row + e];
          dk[e] += ds * q[row + e];
        }
      }
    }
  }
  for (var e = 0u; e < p.E; e++) {
    out0[key + e] = dk[e];
    out1[key + e] = dv[e];
  }
#else
  let i = id.x;
  let h = id.y;
  let b = id.z;
  if (i >= p.Sq) { return; }
  let bk = b / (p.B / p.Bk);
  let hk = h / (p.H / p.Hk);
  let row = ((b * p.Sq + i) * p.H + h) * {{SIZE}}u;
  let at = (b * p.H + h) * p.Sq + i;
  var result: array<{{T}}, {{SIZE}}>;
#if FORWARD
  var top = NONE;
  var sum = 0.0;
#else
  let saved = back[at];
#endif
  for (var j = firstKey(i); j < p.Sk; j++) {
    let shown = isShown(bk * p.Sk + j);
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{SIZE}}u;
    var s = biasAt(h, i, j);
#if FORWARD
    for (var e = 0u; e < p.E; e++) { s += {{DOT}}(q[row + e] * p.scale, k[key + e]); }
    s = select(NONE, s, shown && isSeen(i, j));
    let higher = max(top, s);
    let shrink = exp(top - higher);
    let weight = select(0.0, exp(s - higher), s > NONE);
    top = higher;
    sum = sum * shrink + weight;
    for (var e = 0u; e < p.E; e++) { result[e] = result[e] * shrink + weight * v[key + e]; }
#else
    var dp = 0.0;
    for (var e = 0u; e < p.E; e++) {
      s += {{DOT}}(q[row + e] * p.scale, k[key + e]);
      dp += {{DOT}}(dout[row + e], v[key + e]);
    }
    let ds = select(0.0, exp(s - saved.x) * (dp - saved.y), shown && isSeen(i, j));
#if SCORES
    scores[at * p.Sk + j] = ds;
#endif
    for (var e = 0u; e < p.E; e++) { result[e] += ds * k[key + e]; }
#endif
  }
#if FORWARD
  lse[at] = select(NONE, top + log(max(sum, 1e-37)), sum > 0.0);
  let factor = select(0.0, 1.0 / max(sum, 1e-37), sum > 0.0);
#else
  let factor = p.scale;
#endif
  for (var e = 0u; e < p.E; e++) { out0[row + e] = result[e] * factor; }
#endif
}
