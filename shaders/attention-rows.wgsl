// Attention of {{R}} adjacent queries, or keys, per thread; formulas, shapes and care in `attention-inputs.wgsl`
//
// Plan: FORWARD, GRAD_Q: one thread per (b, h) and {{R}} queries, keys streamed, FORWARD with an online softmax; GRAD_KV:
// one thread per {{R}} keys, queries streamed. Workgroups run along i (or j), so adjacent threads read the same keys.
// A head has {{SIZE}} values of type T (vec4 where d % 4 = 0). Without LOOPS the work on them is unrolled, and a thread
// holds its rows and sums in registers. This is the fastest form where registers are many or cheap, as for compilers
// of CPUs; cards with heads of 64 and more would spill. With LOOPS, which compile quickly everywhere, every value is
// read when it is needed, and EACH is a parameter, since some compilers unroll a loop of known length.
// No branch depends on a score or a mask: after one, compilers of software adapters add a select to every sum.

@compute @workgroup_size({{WG}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let id = groupAt(w) * vec3u({{WG}}u, 1u, 1u) + local;
#if GRAD_KV
  let hk = id.y;
  let bk = id.z;
  if (id.x * {{R}}u >= p.Sk) { return; }
#for r in R
  let j{{r}} = min(id.x * {{R}}u + {{r}}u, p.Sk - 1u);
  let shown{{r}} = isShown(bk * p.Sk + j{{r}});
  let key{{r}} = ((bk * p.Sk + j{{r}}) * p.Hk + hk) * {{SIZE}}u;
  var dk{{r}}: array<{{T}}, {{SIZE}}>;
  var dv{{r}}: array<{{T}}, {{SIZE}}>;
#for e in HELD
  let k{{r}}_{{e}} = k[key{{r}} + {{e}}];
  let v{{r}}_{{e}} = v[key{{r}} + {{e}}];
#endfor
#endfor
  let group = p.H / p.Hk;
  let share = p.B / p.Bk;
  for (var b = bk * share; b < (bk + 1u) * share; b++) {
    for (var h = hk * group; h < (hk + 1u) * group; h++) {
      for (var i = 0u; i < p.Sq; i++) {
        let row = ((b * p.Sq + i) * p.H + h) * {{SIZE}}u;
        let saved = back[(b * p.H + h) * p.Sq + i];
#for r in R
        var s{{r}} = 0.0;
        var dp{{r}} = 0.0;
#endfor
#for e in EACH
        let q{{e}} = q[row + {{e}}];
        let g{{e}} = dout[row + {{e}}];
#for r in R
#if LOOPS
        let k{{r}}_{{e}} = k[key{{r}} + {{e}}];
        let v{{r}}_{{e}} = v[key{{r}} + {{e}}];
#endif
        s{{r}} += {{DOT}}(q{{e}}, k{{r}}_{{e}});
        dp{{r}} += {{DOT}}(g{{e}}, v{{r}}_{{e}});
#endfor
#endfor
#for r in R
        let seen{{r}} = shown{{r}} && isSeen(i, j{{r}});
        let w{{r}} = select(0.0, exp(s{{r}} * p.scale + biasAt(h, i, j{{r}}) - saved.x), seen{{r}});
        let ds{{r}} = w{{r}} * (dp{{r}} - saved.y) * p.scale;
#for e in EACH
#if LOOPS
        let q{{e}} = q[row + {{e}}];
        let g{{e}} = dout[row + {{e}}];
#endif
        dv{{r}}[{{e}}] += w{{r}} * g{{e}};
        dk{{r}}[{{e}}] += ds{{r}} * q{{e}};
#endfor
#endfor
      }
    }
  }
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sk) {
#for e in EACH
    out0[key{{r}} + {{e}}] = dk{{r}}[{{e}}];
    out1[key{{r}} + {{e}}] = dv{{r}}[{{e}}];
#endfor
  }
#endfor
#else
  let h = id.y;
  let b = id.z;
  if (id.x * {{R}}u >= p.Sq) { return; }
  let bk = b / (p.B / p.Bk);
  let hk = h / (p.H / p.Hk);
#for r in R
  let i{{r}} = min(id.x * {{R}}u + {{r}}u, p.Sq - 1u);
  let row{{r}} = ((b * p.Sq + i{{r}}) * p.H + h) * {{SIZE}}u;
  let at{{r}} = (b * p.H + h) * p.Sq + i{{r}};
  var result{{r}}: array<{{T}}, {{SIZE}}>;
#if FORWARD
  var top{{r}} = NONE;
  var sum{{r}} = 0.0;
#else
  let saved{{r}} = back[at{{r}}];
#endif
#for e in HELD
  let q{{r}}_{{e}} = q[row{{r}} + {{e}}] * p.scale;
#if !FORWARD
  let g{{r}}_{{e}} = dout[row{{r}} + {{e}}];
#endif
#endfor
#endfor
  for (var j = firstKey(i0); j < p.Sk; j++) {
    let shown = isShown(bk * p.Sk + j);
    let key = ((bk * p.Sk + j) * p.Hk + hk) * {{SIZE}}u;
#for r in R
    var s{{r}} = biasAt(h, i{{r}}, j);
#if !FORWARD
    var dp{{r}} = 0.0;
#endif
#endfor
#for e in EACH
    let k{{e}} = k[key + {{e}}];
#for r in R
#if LOOPS
    let q{{r}}_{{e}} = q[row{{r}} + {{e}}] * p.scale;
#endif
    s{{r}} += {{DOT}}(q{{r}}_{{e}}, k{{e}});
#endfor
#if !FORWARD
    let v{{e}} = v[key + {{e}}];
#for r in R
#if LOOPS
    let g{{r}}_{{e}} = dout[row{{r}} + {{e}}];
#endif
    dp{{r}} += {{DOT}}(g{{r}}_{{e}}, v{{e}});
#endfor
#endif
#endfor
#if FORWARD
#for r in R
    s{{r}} = select(NONE, s{{r}}, shown && isSeen(i{{r}}, j));
    let higher{{r}} = max(top{{r}}, s{{r}});
    let shrink{{r}} = exp(top{{r}} - higher{{r}});
    let w{{r}} = select(0.0, exp(s{{r}} - higher{{r}}), s{{r}} > NONE);
    top{{r}} = higher{{r}};
    sum{{r}} = sum{{r}} * shrink{{r}} + w{{r}};
#endfor
#for e in EACH
    let v{{e}} = v[key + {{e}}];
#for r in R
    result{{r}}[{{e}}] = result{{r}}[{{e}}] * shrink{{r}} + w{{r}} * v{{e}};
#endfor
#endfor
#else
#for r in R
    let ds{{r}} = select(0.0, exp(s{{r}} - saved{{r}}.x) * (dp{{r}} - saved{{r}}.y), shown && isSeen(i{{r}}, j));
#if SCORES
    if (id.x * {{R}}u + {{r}}u < p.Sq) { scores[at{{r}} * p.Sk + j] = ds{{r}}; }
#endif
#for e in EACH
#if LOOPS
    let k{{e}} = k[key + {{e}}];
#endif
    result{{r}}[{{e}}] += ds{{r}} * k{{e}};
#endfor
#endfor
#endif
  }
#for r in R
  if (id.x * {{R}}u + {{r}}u < p.Sq) {
#if FORWARD
    lse[at{{r}}] = select(NONE, top{{r}} + log(max(sum{{r}}, 1e-37)), sum{{r}} > 0.0);
    let factor{{r}} = select(0.0, 1.0 / max(sum{{r}}, 1e-37), sum{{r}} > 0.0);
#else
    let factor{{r}} = p.scale;
#endif
#for e in EACH
    out0[row{{r}} + {{e}}] = result{{r}}[{{e}}] * factor{{r}};
#endfor
  }
#endfor
#endif
}
