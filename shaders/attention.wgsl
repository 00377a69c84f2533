// Multi-head attention without stored scores; forward and gradients
//
//   s_ij = scale q_i·k_j + bias[h, i, j],  p = softmax_j(s) over the allowed keys,  o_i = Σ_j p_ij v_j
//   FORWARD   o, and lse_i = log Σ_j exp s_ij
//   GRAD_Q    ds_ij = p_ij (do_i·v_j - delta_i);  dq_i = scale Σ_j ds_ij k_j
//             with SCORES also ds [B, H, Sq, Sk] itself, whose sum over b is the gradient of the bias
//   GRAD_KV   dk_j = scale Σ_i ds_ij q_i,  dv_j = Σ_i p_ij do_i       (sums also over the query heads of a key head)
// (FlashAttention's scheme, Dao et al. 2022: the gradients recompute p from lse.)
//
// q, o, do, dq [B, Sq, H, d]; k, v, dk, dv [Bk, Sk, Hk, d]: heads side by side, as linear layers leave them.
// bias [H, Sq, Sk], or [1, Sq, Sk] for all heads (BIAS). mask [Bk, Sk]: 0 hides a key. lse [B, H, Sq]. back holds lse
// and delta_i = do_i·o_i of every query, [B, H, Sq, 2], then the mask (`attention-delta.wgsl`), so that no form binds
// more than the eight storage buffers that every device has.
// Query head h uses key head h / (H / Hk) (grouped-query attention); query batch b uses key batch b / (B / Bk), so
// several targets share one encoded source.
// Query i is at position n = i + offset (+ position[0] with POSITION) among the keys. CAUSAL allows key j if j <= n.
// WINDOW allows it if j > n - window: a query sees `window` positions, including its own (sliding attention).
//
// Plan: FORWARD, GRAD_Q: one thread per (b, h) and R adjacent queries, their q, o and sums in registers, keys streamed
// with an online softmax; GRAD_KV does the same with R keys. Workgroups run along i (or j), so adjacent threads read
// the same keys. R > 1 reads keys less often, if registers suffice. d is unrolled into registers; loads are vec4 where
// d % 4 = 0 (then E = d / 4 and T = vec4f), else scalar. ROLLED loops over d instead, with R = 1 and sums in arrays: a
// tenth of the code, for compilers whose time grows with every load. It takes E from the parameters, since some
// compilers unroll a loop of known length.
// No branch depends on a score or a mask: after one, compilers of software adapters add a select to every sum.
// Care: the running maximum keeps exp in range; a row without allowed keys gives o = 0, lse = -3e38 and zero gradients.

struct Params {
  grid: Grid,
  B: u32, H: u32, Sq: u32, Sk: u32, Bk: u32, Hk: u32,
  scale: f32,
  E: u32,
  offset: u32,
  window: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<{{T}}>;
@group(0) @binding(2) var<storage, read> k: array<{{T}}>;
@group(0) @binding(3) var<storage, read> v: array<{{T}}>;
#if FORWARD
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> o: array<{{T}}>;
#else
@group(0) @binding(4) var<storage, read> back: array<vec2f>;
@group(0) @binding(5) var<storage, read> dout: array<{{T}}>;
#endif
#if GRAD_Q
@group(0) @binding(6) var<storage, read_write> dq: array<{{T}}>;
#endif
#if GRAD_KV
@group(0) @binding(6) var<storage, read_write> dk: array<{{T}}>;
@group(0) @binding(7) var<storage, read_write> dv: array<{{T}}>;
#endif
#if BIAS
@group(0) @binding({{BIAS_BINDING}}) var<storage, read> bias: array<f32>;
#endif
#if SCORES
@group(0) @binding({{SCORES_BINDING}}) var<storage, read_write> scores: array<f32>;
#endif
#if POSITION
@group(0) @binding({{POSITION_BINDING}}) var<storage, read> position: array<u32>;
#endif

const NONE = -3.0e38;
#if SCALAR
fn product(a: f32, b: f32) -> f32 { return a * b; }
#endif

// The position of query i among the keys.
fn placeOf(i: u32) -> u32 {
#if POSITION
  return i + p.offset + position[0];
#else
  return i + p.offset;
#endif
}

// The first key in the window of query i. Earlier keys need no read, unless every score must be written.
fn firstKey(i: u32) -> u32 {
#if SCORES
  return 0u;
#else
#if WINDOW
  let n = placeOf(i) + 1u;
  return n - min(n, p.window);
#else
  return 0u;
#endif
#endif
}

// Whether the causal rule and the window allow query i to see key j.
fn visible(i: u32, j: u32) -> bool {
#if CAUSAL
#if WINDOW
  let n = placeOf(i);
  return j <= n && j + p.window > n;
#else
  return j <= placeOf(i);
#endif
#else
#if WINDOW
  return j + p.window > placeOf(i);
#else
  return true;
#endif
#endif
}

// Whether the mask shows a key.
fn isShown(key: u32) -> bool {
#if FORWARD
  return mask[key] != 0.0;
#else
  return back[p.B * p.H * p.Sq + key / 2u][key % 2u] != 0.0;
#endif
}

fn biasAt(h: u32, i: u32, j: u32) -> f32 {
#if BIAS
  return bias[({{BIAS_HEAD}} * p.Sq + i) * p.Sk + j];
#else
  return 0.0;
#endif
}

@compute @workgroup_size({{WG}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let id = groupAt(w) * vec3u({{WG}}u, 1u, 1u) + local;
#if PER_QUERY
  let h = id.y;
  let b = id.z;
  if (id.x * {{R}}u >= p.Sq) { return; }
  let bk = b / (p.B / p.Bk);
  let hk = h / (p.H / p.Hk);
#for r in R
  let i{{r}} = min(id.x * {{R}}u + {{r}}u, p.Sq - 1u);
  let row{{r}} = ((b * p.Sq + i{{r}}) * p.H + h) * {{E}}u;
  let at{{r}} = (b * p.H + h) * p.Sq + i{{r}};
#if !ROLLED
#for e in E
  let q{{r}}_{{e}} = q[row{{r}} + {{e}}u] * p.scale;
#endfor
#endif
#endfor
#endif
#if FORWARD
#if ROLLED
  var sums: array<{{T}}, {{E}}>;
  var top = NONE;
  var sum = 0.0;
  for (var j = firstKey(i0); j < p.Sk; j++) {
    let shown = isShown(bk * p.Sk + j);
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
    var s = biasAt(h, i0, j);
    for (var e = 0u; e < p.E; e++) { s += {{DOT}}(q[row0 + e] * p.scale, k[key + e]); }
    s = select(NONE, s, shown && visible(i0, j));
    let higher = max(top, s);
    let shrink = exp(top - higher);
    let w = select(0.0, exp(s - higher), s > NONE);
    top = higher;
    sum = sum * shrink + w;
    for (var e = 0u; e < p.E; e++) { sums[e] = sums[e] * shrink + w * v[key + e]; }
  }
  lse[at0] = select(NONE, top + log(max(sum, 1e-37)), sum > 0.0);
  let inverse = select(0.0, 1.0 / max(sum, 1e-37), sum > 0.0);
  for (var e = 0u; e < p.E; e++) { o[row0 + e] = sums[e] * inverse; }
#else
#for r in R
#for e in E
  var o{{r}}_{{e}} = {{T}}();
#endfor
  var top{{r}} = NONE;
  var sum{{r}} = 0.0;
#endfor
  for (var j = firstKey(i0); j < p.Sk; j++) {
    let shown = isShown(bk * p.Sk + j);
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
#for r in R
    var s{{r}} = biasAt(h, i{{r}}, j);
#endfor
#for e in E
    let k{{e}} = k[key + {{e}}u];
#for r in R
    s{{r}} += {{DOT}}(q{{r}}_{{e}}, k{{e}});
#endfor
#endfor
#for r in R
    s{{r}} = select(NONE, s{{r}}, shown && visible(i{{r}}, j));
    let higher{{r}} = max(top{{r}}, s{{r}});
    let shrink{{r}} = exp(top{{r}} - higher{{r}});
    let w{{r}} = select(0.0, exp(s{{r}} - higher{{r}}), s{{r}} > NONE);
    top{{r}} = higher{{r}};
    sum{{r}} = sum{{r}} * shrink{{r}} + w{{r}};
#endfor
#for e in E
    let v{{e}} = v[key + {{e}}u];
#for r in R
    o{{r}}_{{e}} = o{{r}}_{{e}} * shrink{{r}} + w{{r}} * v{{e}};
#endfor
#endfor
  }
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sq) {
    lse[at{{r}}] = select(NONE, top{{r}} + log(max(sum{{r}}, 1e-37)), sum{{r}} > 0.0);
    let inverse = select(0.0, 1.0 / max(sum{{r}}, 1e-37), sum{{r}} > 0.0);
#for e in E
    o[row{{r}} + {{e}}u] = o{{r}}_{{e}} * inverse;
#endfor
  }
#endfor
#endif
#endif
#if GRAD_Q
#if ROLLED
  let saved = back[at0];
  var sums: array<{{T}}, {{E}}>;
  for (var j = firstKey(i0); j < p.Sk; j++) {
    let shown = isShown(bk * p.Sk + j);
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
    var s = biasAt(h, i0, j);
    var dp = 0.0;
    for (var e = 0u; e < p.E; e++) {
      s += {{DOT}}(q[row0 + e] * p.scale, k[key + e]);
      dp += {{DOT}}(dout[row0 + e], v[key + e]);
    }
    let ds = select(0.0, exp(s - saved.x) * (dp - saved.y), shown && visible(i0, j));
#if SCORES
    scores[at0 * p.Sk + j] = ds;
#endif
    for (var e = 0u; e < p.E; e++) { sums[e] += ds * p.scale * k[key + e]; }
  }
  for (var e = 0u; e < p.E; e++) { dq[row0 + e] = sums[e]; }
#else
#for r in R
  let saved{{r}} = back[at{{r}}];
#for e in E
  let g{{r}}_{{e}} = dout[row{{r}} + {{e}}u];
  var dq{{r}}_{{e}} = {{T}}();
#endfor
#endfor
  for (var j = firstKey(i0); j < p.Sk; j++) {
    let shown = isShown(bk * p.Sk + j);
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
#for r in R
    var s{{r}} = biasAt(h, i{{r}}, j);
    var dp{{r}} = 0.0;
#endfor
#for e in E
    let k{{e}} = k[key + {{e}}u];
    let v{{e}} = v[key + {{e}}u];
#for r in R
    s{{r}} += {{DOT}}(q{{r}}_{{e}}, k{{e}});
    dp{{r}} += {{DOT}}(g{{r}}_{{e}}, v{{e}});
#endfor
#endfor
#for r in R
    let ds{{r}} = select(0.0, exp(s{{r}} - saved{{r}}.x) * (dp{{r}} - saved{{r}}.y), shown && visible(i{{r}}, j));
    let dqk{{r}} = ds{{r}} * p.scale;
#if SCORES
    if (id.x * {{R}}u + {{r}}u < p.Sq) { scores[at{{r}} * p.Sk + j] = ds{{r}}; }
#endif
#for e in E
    dq{{r}}_{{e}} += dqk{{r}} * k{{e}};
#endfor
#endfor
  }
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sq) {
#for e in E
    dq[row{{r}} + {{e}}u] = dq{{r}}_{{e}};
#endfor
  }
#endfor
#endif
#endif
#if GRAD_KV
  let hk = id.y;
  let bk = id.z;
  if (id.x * {{R}}u >= p.Sk) { return; }
#for r in R
  let j{{r}} = min(id.x * {{R}}u + {{r}}u, p.Sk - 1u);
  let shown{{r}} = isShown(bk * p.Sk + j{{r}});
  let key{{r}} = ((bk * p.Sk + j{{r}}) * p.Hk + hk) * {{E}}u;
#if !ROLLED
#for e in E
  let k{{r}}_{{e}} = k[key{{r}} + {{e}}u];
  let v{{r}}_{{e}} = v[key{{r}} + {{e}}u];
  var dk{{r}}_{{e}} = {{T}}();
  var dv{{r}}_{{e}} = {{T}}();
#endfor
#endif
#endfor
#if ROLLED
  var sumsK: array<{{T}}, {{E}}>;
  var sumsV: array<{{T}}, {{E}}>;
#endif
  let group = p.H / p.Hk;
  let share = p.B / p.Bk;
  for (var b = bk * share; b < (bk + 1u) * share; b++) {
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = 0u; i < p.Sq; i++) {
        let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
        let saved = back[(b * p.H + h) * p.Sq + i];
#if ROLLED
        var s = 0.0;
        var dp = 0.0;
        for (var e = 0u; e < p.E; e++) {
          s += {{DOT}}(q[row + e], k[key0 + e]);
          dp += {{DOT}}(dout[row + e], v[key0 + e]);
        }
        let seen = shown0 && visible(i, j0);
        let w = select(0.0, exp(s * p.scale + biasAt(h, i, j0) - saved.x), seen);
        let ds = w * (dp - saved.y);
        for (var e = 0u; e < p.E; e++) {
          sumsV[e] += w * dout[row + e];
          sumsK[e] += ds * p.scale * q[row + e];
        }
#else
#for r in R
        var s{{r}} = 0.0;
        var dp{{r}} = 0.0;
#endfor
#for e in E
        let q{{e}} = q[row + {{e}}u];
        let g{{e}} = dout[row + {{e}}u];
#for r in R
        s{{r}} += {{DOT}}(q{{e}}, k{{r}}_{{e}});
        dp{{r}} += {{DOT}}(g{{e}}, v{{r}}_{{e}});
#endfor
#endfor
#for r in R
        let seen{{r}} = shown{{r}} && visible(i, j{{r}});
        let w{{r}} = select(0.0, exp(s{{r}} * p.scale + biasAt(h, i, j{{r}}) - saved.x), seen{{r}});
        let ds{{r}} = w{{r}} * (dp{{r}} - saved.y);
        let dqk{{r}} = ds{{r}} * p.scale;
#for e in E
        dv{{r}}_{{e}} += w{{r}} * g{{e}};
        dk{{r}}_{{e}} += dqk{{r}} * q{{e}};
#endfor
#endfor
#endif
      }
    }
  }
#if ROLLED
  for (var e = 0u; e < p.E; e++) {
    dk[key0 + e] = sumsK[e];
    dv[key0 + e] = sumsV[e];
  }
#else
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sk) {
#for e in E
    dk[key{{r}} + {{e}}u] = dk{{r}}_{{e}};
    dv[key{{r}} + {{e}}u] = dv{{r}}_{{e}};
#endfor
  }
#endfor
#endif
#endif
}
