// Attention of one query, or key, per thread; formulas, shapes and care in `attention-inputs.wgsl`
//
// Plan: FORWARD, GRAD_Q: one thread per (query, h), keys streamed, FORWARD with an online softmax; GRAD_KV: one thread
// per (key, hk), the queries of all spans with that key streamed. Workgroups run along queries (or keys), so adjacent
// threads read the same keys. A head has {{SIZE}} values of type T (vec4 where d % 4 = 0). They are read in loops when
// they are needed, which compiles quickly everywhere. The number of values is the parameter p.E, since some compilers
// unroll a loop of known length.
// No branch depends on a score: after one, compilers of software adapters add a select to every sum.

@compute @workgroup_size({{WG}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let id = groupAt(w) * vec3u({{WG}}u, 1u, 1u) + local;
#if GRAD_KV
  let m = id.x;
  let hk = id.y;
  if (m >= p.M) { return; }
  let key = (m * p.Hk + hk) * {{SIZE}}u;
  var dk: array<{{T}}, {{SIZE}}>;
  var dv: array<{{T}}, {{SIZE}}>;
  let group = p.H / p.Hk;
  for (var n = 0u; n < p.spans; n++) {
    let span = spanAt(n);
    let j = positionOf(span, m);
    if (j == keyCount(span)) { continue; }
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = firstQuery(span, j); i < span.queryCount; i++) {
        let line = (span.queries + i) * p.H + h;
        let row = line * {{SIZE}}u;
        let saved = back[line];
        var s = 0.0;
        var dp = 0.0;
        for (var e = 0u; e < p.E; e++) {
          s += {{DOT}}(q[row + e], k[key + e]);
          dp += {{DOT}}(dout[row + e], v[key + e]);
        }
        let weight = select(0.0, exp(s * p.scale + biasAt(span, h, i, j) - saved.x), isSeen(span, i, j));
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
  let n = id.x;
  let h = id.y;
  if (n >= p.N) { return; }
  let span = spanAt(spanOf(n));
  let i = n - span.queries;
  let hk = h / (p.H / p.Hk);
  let at = n * p.H + h;
  let row = at * {{SIZE}}u;
  var result: array<{{T}}, {{SIZE}}>;
#if FORWARD
  var top = NONE;
  var sum = 0.0;
#else
  let saved = back[at];
#endif
  for (var j = firstKey(span, i); j < keyCount(span); j++) {
    let key = (keyAt(span, j) * p.Hk + hk) * {{SIZE}}u;
    var s = biasAt(span, h, i, j);
#if FORWARD
    for (var e = 0u; e < p.E; e++) { s += {{DOT}}(q[row + e] * p.scale, k[key + e]); }
    s = select(NONE, s, isSeen(span, i, j));
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
    let ds = select(0.0, exp(s - saved.x) * (dp - saved.y), isSeen(span, i, j));
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
