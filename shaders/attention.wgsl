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
// bias [H, Sq, Sk], or [1, Sq, Sk] for all heads (BIAS). mask [Bk, Sk]: 0 hides a key. lse, delta [B, H, Sq].
// Query head h uses key head h / (H / Hk) (grouped-query attention); query batch b uses key batch b / (B / Bk), so that
// several targets share one encoded source.
// CAUSAL: key j is allowed for j <= i + position[0] (POSITION) or j <= i.
//
// Plan: FORWARD, GRAD_Q: one thread per (b, h) and R neighbouring queries, their q, o and sums in registers, keys
// streamed with an online softmax; GRAD_KV: likewise R keys; GRAD_BIAS: one thread per (h, i, j). Workgroups run along i
// (or j), so neighbours read the same keys. R > 1 reads keys less often, where registers are plenty. {{D}} = d is unrolled into registers; loads are vec4 where d % 4 = 0 (then E = d / 4
// and T = vec4f), else scalar.
// Care: the running maximum keeps exp in range; a row without any allowed key gives o = 0, lse = -3e38 and gradients 0.

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

// Whether the causal rule lets query i see key j.
fn ahead(i: u32, j: u32) -> bool {
#if CAUSAL
#if POSITION
  return j <= i + position[0];
#else
  return j <= i;
#endif
#else
  return true;
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
fn main(@builtin(global_invocation_id) id: vec3u) {
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
#for e in E
  let q{{r}}_{{e}} = q[row{{r}} + {{e}}u] * p.scale;
#endfor
#endfor
#endif
#if FORWARD
#for r in R
#for e in E
  var o{{r}}_{{e}} = {{T}}();
#endfor
  var top{{r}} = NONE;
  var sum{{r}} = 0.0;
#endfor
  for (var j = 0u; j < p.Sk; j++) {
    if (mask[bk * p.Sk + j] == 0.0) { continue; }
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
    s{{r}} = select(NONE, s{{r}}, ahead(i{{r}}, j));
    if (s{{r}} > top{{r}}) {
      let shrink = exp(top{{r}} - s{{r}});
      sum{{r}} *= shrink;
#for e in E
      o{{r}}_{{e}} *= shrink;
#endfor
      top{{r}} = s{{r}};
    }
    let w{{r}} = select(0.0, exp(s{{r}} - top{{r}}), s{{r}} > NONE);
    sum{{r}} += w{{r}};
#endfor
#for e in E
    let v{{e}} = v[key + {{e}}u];
#for r in R
    o{{r}}_{{e}} += w{{r}} * v{{e}};
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
#if GRAD_Q
#for r in R
  var d{{r}} = 0.0;
#for e in E
  let g{{r}}_{{e}} = dout[row{{r}} + {{e}}u];
  d{{r}} += {{DOT}}(g{{r}}_{{e}}, o[row{{r}} + {{e}}u]);
  var dq{{r}}_{{e}} = {{T}}();
#endfor
  let lse{{r}} = lse[at{{r}}];
#endfor
  for (var j = 0u; j < p.Sk; j++) {
    if (mask[bk * p.Sk + j] == 0.0) { continue; }
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
    let ds{{r}} = select(0.0, exp(s{{r}} - lse{{r}}) * (dp{{r}} - d{{r}}) * p.scale, ahead(i{{r}}, j));
#for e in E
    dq{{r}}_{{e}} += ds{{r}} * k{{e}};
#endfor
#endfor
  }
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sq) {
    delta[at{{r}}] = d{{r}};
#for e in E
    out1[row{{r}} + {{e}}u] = dq{{r}}_{{e}};
#endfor
  }
#endfor
#endif
#if GRAD_KV
  let hk = id.y;
  let bk = id.z;
  if (id.x * {{R}}u >= p.Sk) { return; }
#for r in R
  let j{{r}} = min(id.x * {{R}}u + {{r}}u, p.Sk - 1u);
  let shown{{r}} = mask[bk * p.Sk + j{{r}}] != 0.0;
  let key{{r}} = ((bk * p.Sk + j{{r}}) * p.Hk + hk) * {{E}}u;
#for e in E
  let k{{r}}_{{e}} = k[key{{r}} + {{e}}u];
  let v{{r}}_{{e}} = v[key{{r}} + {{e}}u];
  var dk{{r}}_{{e}} = {{T}}();
  var dv{{r}}_{{e}} = {{T}}();
#endfor
#endfor
  let group = p.H / p.Hk;
  let share = p.B / p.Bk;
  for (var b = bk * share; b < (bk + 1u) * share; b++) {
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = 0u; i < p.Sq; i++) {
        let row = ((b * p.Sq + i) * p.H + h) * {{E}}u;
        let at = (b * p.H + h) * p.Sq + i;
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
        let seen{{r}} = shown{{r}} && ahead(i, j{{r}});
        let w{{r}} = select(0.0, exp(s{{r}} * p.scale + biasAt(h, i, j{{r}}) - lse[at]), seen{{r}});
        let ds{{r}} = w{{r}} * (dp{{r}} - delta[at]) * p.scale;
#for e in E
        dv{{r}}_{{e}} += w{{r}} * g{{e}};
        dk{{r}}_{{e}} += ds{{r}} * q{{e}};
#endfor
#endfor
      }
    }
  }
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sk) {
#for e in E
    out1[key{{r}} + {{e}}u] = dk{{r}}_{{e}};
    out2[key{{r}} + {{e}}u] = dv{{r}}_{{e}};
#endfor
  }
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
    if (mask[bk * p.Sk + j] != 0.0 && ahead(i, j)) {
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
