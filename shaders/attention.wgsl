// Attention of many heads, without storing its scores; forward and gradients
//
//   s_ij = scale q_i·k_j + bias[h, i, j],  p = softmax_j(s) over the keys that are allowed,  o_i = Σ_j p_ij v_j
//   FORWARD   o, and lse_i = log Σ_j exp s_ij
//   GRAD_Q    delta_i = do_i·o_i;  ds_ij = p_ij (do_i·v_j - delta_i);  dq_i = scale Σ_j ds_ij k_j
//   GRAD_KV   dk_j = scale Σ_i ds_ij q_i,  dv_j = Σ_i p_ij do_i       (sums also over the query heads of a key head)
//   GRAD_BIAS dbias[h, i, j] = Σ_b ds_ij
// (the scheme of FlashAttention, Dao et al. 2022: p is recomputed from lse in the gradients.)
//
// q, o, do, dq [B, Sq, H, d]; k, v, dk, dv [Bk, Sk, Hk, d]: heads side by side, as linear layers leave them.
// bias [H, Sq, Sk] (BIAS). mask [Bk, Sk]: 0 hides a key. lse, delta [B, H, Sq].
// Query head h uses key head h / (H / Hk) (grouped-query attention); query batch b uses key batch b / (B / Bk), so that
// several targets share one encoded source.
// CAUSAL: key j is allowed for j <= i + position[0] (POSITION) or j <= i.
//
// Plan: FORWARD, GRAD_Q: one thread per (b, h, i), its q, o and sums in registers, keys streamed in fours with an online
// softmax; GRAD_KV: one thread per (bk, hk, j); GRAD_BIAS: one thread per (h, i, j). Workgroups run along i (or j), so
// neighbours read the same keys. {{D}} = d is unrolled into registers; loads are vec4 where d % 4 = 0 (then E = d / 4
// and T = vec4f), else scalar.
// Care: the running maximum keeps exp in range; a row without any allowed key gives o = 0 and gradients 0.

struct Params {
  B: u32, H: u32, Sq: u32, Sk: u32, Bk: u32, Hk: u32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<{{T}}>;
@group(0) @binding(2) var<storage, read> k: array<{{T}}>;
@group(0) @binding(3) var<storage, read> v: array<{{T}}>;
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
#if FORWARD
@group(0) @binding(6) var<storage, read_write> o: array<{{T}}>;
#if BIAS
@group(0) @binding({{BIAS_BINDING}}) var<storage, read> bias: array<f32>;
#endif
#if POSITION
@group(0) @binding({{POSITION_BINDING}}) var<storage, read> position: array<u32>;
#endif
#else
@group(0) @binding(6) var<storage, read> dout: array<{{T}}>;
@group(0) @binding(7) var<storage, read_write> delta: array<f32>;
@group(0) @binding(8) var<storage, read_write> out1: array<{{T1}}>;
#if GRAD_KV
@group(0) @binding(9) var<storage, read_write> out2: array<{{T}}>;
#endif
#if GRAD_Q
@group(0) @binding(9) var<storage, read> o: array<{{T}}>;
#endif
#if BIAS
@group(0) @binding({{BIAS_BINDING}}) var<storage, read> bias: array<f32>;
#endif
#endif

const NONE = -3.0e38;
#if SCALAR
fn product(a: f32, b: f32) -> f32 { return a * b; }
#endif

fn allowed(bk: u32, i: u32, j: u32) -> bool {
#if CAUSAL
#if POSITION
  if (j > i + position[0]) { return false; }
#else
  if (j > i) { return false; }
#endif
#endif
  return mask[bk * p.Sk + j] != 0.0;
}

fn biasAt(h: u32, i: u32, j: u32) -> f32 {
#if BIAS
  return bias[(h * p.Sq + i) * p.Sk + j];
#else
  return 0.0;
#endif
}

@compute @workgroup_size({{WG}})
fn main(@builtin(global_invocation_id) id: vec3u) {
#if PER_QUERY
  let i = id.x;
  let h = id.y;
  let b = id.z;
  if (i >= p.Sq) { return; }
  let bk = b / (p.B / p.Bk);
  let hk = h / (p.H / p.Hk);
  let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
  let at = (b * p.H + h) * p.Sq + i;
#for e in E
  let q{{e}} = q[row + {{e}}u] * p.scale;
#endfor
#endif
#if FORWARD
#for e in E
  var o{{e}} = {{T}}();
#endfor
  var top = NONE;
  var sum = 0.0;
  for (var j0 = 0u; j0 < p.Sk; j0 += 4u) {
    var s = vec4f(NONE);
    for (var n = 0u; n < 4u; n++) {
      let j = j0 + n;
      if (j < p.Sk && allowed(bk, i, j)) {
        let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
        var score = biasAt(h, i, j);
#for e in E
        score += {{DOT}}(q{{e}}, k[key + {{e}}u]);
#endfor
        s[n] = score;
      }
    }
    let best = max(max(s.x, s.y), max(s.z, s.w));
    if (best > NONE) {
      if (best > top) {
        let shrink = exp(top - best);
        sum *= shrink;
#for e in E
        o{{e}} *= shrink;
#endfor
        top = best;
      }
      for (var n = 0u; n < 4u; n++) {
        if (s[n] > NONE) {
          let weight = exp(s[n] - top);
          let key = ((bk * p.Sk + j0 + n) * p.Hk + hk) * {{E}}u;
          sum += weight;
#for e in E
          o{{e}} += weight * v[key + {{e}}u];
#endfor
        }
      }
    }
  }
  lse[at] = select(0.0, top + log(max(sum, 1e-37)), sum > 0.0);
  let inverse = select(0.0, 1.0 / max(sum, 1e-37), sum > 0.0);
#for e in E
  o[row + {{e}}u] = o{{e}} * inverse;
#endfor
#endif
#if GRAD_Q
  var d = 0.0;
#for e in E
  let g{{e}} = dout[row + {{e}}u];
  d += {{DOT}}(g{{e}}, o[row + {{e}}u]);
  var dq{{e}} = {{T}}();
#endfor
  delta[at] = d;
  for (var j = 0u; j < p.Sk; j++) {
    if (allowed(bk, i, j)) {
      let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
      var score = biasAt(h, i, j);
      var dp = 0.0;
#for e in E
      let k{{e}} = k[key + {{e}}u];
      score += {{DOT}}(q{{e}}, k{{e}});
      dp += {{DOT}}(g{{e}}, v[key + {{e}}u]);
#endfor
      let ds = exp(score - lse[at]) * (dp - d) * p.scale;
#for e in E
      dq{{e}} += ds * k{{e}};
#endfor
    }
  }
#for e in E
  out1[row + {{e}}u] = dq{{e}};
#endfor
#endif
#if GRAD_KV
  let j = id.x;
  let hk = id.y;
  let bk = id.z;
  if (j >= p.Sk) { return; }
  let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
#for e in E
  let k{{e}} = k[key + {{e}}u];
  let v{{e}} = v[key + {{e}}u];
  var dk{{e}} = {{T}}();
  var dv{{e}} = {{T}}();
#endfor
  let group = p.H / p.Hk;
  let share = p.B / p.Bk;
  for (var b = bk * share; b < (bk + 1u) * share; b++) {
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = 0u; i < p.Sq; i++) {
        if (allowed(bk, i, j)) {
          let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
          let at = (b * p.H + h) * p.Sq + i;
          var score = 0.0;
          var dp = 0.0;
#for e in E
          let q{{e}} = q[row + {{e}}u];
          let g{{e}} = dout[row + {{e}}u];
          score += {{DOT}}(q{{e}}, k{{e}});
          dp += {{DOT}}(g{{e}}, v{{e}});
#endfor
          let weight = exp(score * p.scale + biasAt(h, i, j) - lse[at]);
          let ds = weight * (dp - delta[at]) * p.scale;
#for e in E
          dv{{e}} += weight * g{{e}};
          dk{{e}} += ds * q{{e}};
#endfor
        }
      }
    }
  }
#for e in E
  out1[key + {{e}}u] = dk{{e}};
  out2[key + {{e}}u] = dv{{e}};
#endfor
#endif
#if GRAD_BIAS
  let j = id.x;
  let i = id.y;
  let h = id.z;
  if (j >= p.Sk) { return; }
  let hk = h / (p.H / p.Hk);
  var sum = 0.0;
  for (var b = 0u; b < p.B; b++) {
    let bk = b / (p.B / p.Bk);
    if (allowed(bk, i, j)) {
      let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
      let key = ((bk * p.Sk + j) * p.Hk + hk) * {{E}}u;
      let at = (b * p.H + h) * p.Sq + i;
      var score = 0.0;
      var dp = 0.0;
#for e in E
      score += {{DOT}}(q[row + {{e}}u], k[key + {{e}}u]);
      dp += {{DOT}}(dout[row + {{e}}u], v[key + {{e}}u]);
#endfor
      sum += exp(score * p.scale + biasAt(h, i, j) - lse[at]) * (dp - delta[at]);
    }
  }
  out1[(h * p.Sq + i) * p.Sk + j] = sum;
#endif
}
