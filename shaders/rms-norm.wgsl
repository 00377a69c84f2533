// RMS norm and its gradients (T5LayerNorm, LlamaRMSNorm; with offset 1 Gemma3RMSNorm)
//
//   FORWARD   y = x s (offset + w)  [+ d],         s = 1 / sqrt(mean(x²) + eps)
//   GRAD_X    dx = s ((offset + w) dy) - x s³ mean((offset + w) dy x)  [+ d]
//   GRAD_W    dw[c] = Σ_rows dy x s
// x, y, dy, dx, d [rows, columns]; w, dw [columns]. Every form recomputes s: another pass over a cached row is cheaper
// than storing it.
//
// Plan: FORWARD and GRAD_X {{LANES}} threads per row, elements of type {{T}}. Threads of a workgroup that share a row hold
// their first {{HELD}} elements of it in registers and add by a tree; a longer row is read twice. A thread of its own
// for each row (LANES = 1, HELD = 0) needs no barriers, which suits CPUs. GRAD_W (only if the norm itself is trained)
// one thread per column, where each thread of a workgroup of 64 computes the scale of one of 64 rows for all.

struct Params { grid: Grid, rows: u32, columns: u32, eps: f32, offset: f32 }
@group(0) @binding(1) var<storage, read> x: array<{{T}}>;
#if GRAD_W
@group(0) @binding(2) var<storage, read> dy: array<{{T}}>;
@group(0) @binding(3) var<storage, read_write> dw: array<{{T}}>;
var<workgroup> scales: array<f32, 64>;

fn scale(row: u32) -> f32 {
  var sum = 0.0;
  for (var c = 0u; c < p.columns; c++) { sum += x[row * p.columns + c] * x[row * p.columns + c]; }
  return inverseSqrt(sum / f32(p.columns) + p.eps);
}
#else
@group(0) @binding(2) var<storage, read> weight: array<{{T}}>;
#if !FORWARD
@group(0) @binding(3) var<storage, read> dy: array<{{T}}>;
#endif
@group(0) @binding({{RESULT}}) var<storage, read_write> y: array<{{T}}>; // or dx
#if ADDEND
@group(0) @binding({{RESULT + 1}}) var<storage, read> d: array<{{T}}>;
#endif

// What multiplies x of column c in the sums of its row and in the result.
fn factor(at: u32, c: u32) -> {{T}} {
#if FORWARD
  return p.offset + weight[c];
#else
  return (p.offset + weight[c]) * dy[at];
#endif
}

#if FORWARD
fn products(x: {{T}}, g: {{T}}) -> f32 { return {{DOT}}(x, x); }
fn scalesOf(sum: f32) -> f32 { return inverseSqrt(sum / f32(p.columns) + p.eps); }
#else
fn products(x: {{T}}, g: {{T}}) -> vec2f { return vec2f({{DOT}}(x, x), {{DOT}}(x, g)); }
fn scalesOf(sums: vec2f) -> vec2f {
  let means = sums / f32(p.columns);
  let s = inverseSqrt(means.x + p.eps);
  return vec2f(s, s * s * s * means.y);
}
#endif
fn put(at: u32, x: {{T}}, g: {{T}}, scales: {{SUM}}) {
#if FORWARD
  var result = x * scales * g;
#else
  var result = scales.x * g - scales.y * x;
#endif
#if ADDEND
  result += d[at];
#endif
  y[at] = result;
}
#if !VECTORS
fn product(a: f32, b: f32) -> f32 { return a * b; }
#endif
#endif

@compute @workgroup_size({{SIZE}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
#if GRAD_W
  let i = groupIndex(w) * {{SIZE}}u + local;
  let column = min(i, p.columns - 1u);
  var sum = 0.0;
  for (var row0 = 0u; row0 < p.rows; row0 += 64u) {
    scales[local] = scale(min(row0 + local, p.rows - 1u));
    workgroupBarrier();
    for (var n = 0u; n < min(64u, p.rows - row0); n++) {
      let at = (row0 + n) * p.columns + column;
      sum += dy[at] * x[at] * scales[n];
    }
    workgroupBarrier();
  }
  if (i < p.columns) { dw[i] = sum; }
#else
  let row = {{ROW}};
  let lane = {{LANE}};
  if (row >= p.rows) { return; }
  let begin = row * (p.columns / {{WIDTH}}u);
  let end = begin + p.columns / {{WIDTH}}u;
  let rest = begin + lane + {{HELD * LANES}}u;
  var sum = {{SUM}}(0.0);
#for q in HELD
  let at{{q}} = begin + lane + {{q * LANES}}u;
  var x{{q}} = {{T}}(0.0);
  var g{{q}} = {{T}}(0.0);
  if (at{{q}} < end) {
    x{{q}} = x[at{{q}}];
    g{{q}} = factor(at{{q}}, at{{q}} - begin);
    sum += products(x{{q}}, g{{q}});
  }
#endfor
  for (var at = rest; at < end; at += {{LANES}}u) { sum += products(x[at], factor(at, at - begin)); }
#if SHARED
  sum = sumOfRow(sum, local);
#endif
  let scales = scalesOf(sum);
#for q in HELD
  if (at{{q}} < end) { put(at{{q}}, x{{q}}, g{{q}}, scales); }
#endfor
  for (var at = rest; at < end; at += {{LANES}}u) { put(at, x[at], factor(at, at - begin), scales); }
#endif
}
