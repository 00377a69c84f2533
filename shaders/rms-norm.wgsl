// RMS norm and its gradients (T5LayerNorm, LlamaRMSNorm; with offset 1 Gemma3RMSNorm)
//
//   FORWARD   y = x s (offset + w),                s = 1 / sqrt(mean(x²) + eps)
//   GRAD_X    dx = s ((offset + w) dy) - x s³ mean((offset + w) dy x)  [+ d]
//   GRAD_W    dw[c] = Σ_rows dy x s
// x, y, dy, dx, d [rows, columns]; w, dw [columns]. Every form recomputes s: another pass over a cached row is cheaper
// than storing it.
//
// Plan: FORWARD and GRAD_X one thread per row; GRAD_W (only if the norm itself is trained) one thread per column, where
// each thread of a workgroup of 64 computes the scale of one of 64 rows for all.

struct Params { grid: Grid, rows: u32, columns: u32, eps: f32, offset: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
#if FORWARD
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
#endif
#if GRAD_X
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
#if ADDEND
@group(0) @binding(5) var<storage, read> d: array<f32>;
#endif
#endif
#if GRAD_W
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;
var<workgroup> scales: array<f32, 64>;
#endif

fn scale(row: u32) -> f32 {
  var sum = 0.0;
  for (var c = 0u; c < p.columns; c++) {
    let v = x[row * p.columns + c];
    sum += v * v;
  }
  return inverseSqrt(sum / f32(p.columns) + p.eps);
}

@compute @workgroup_size({{SIZE}})
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = groupIndex(w) * {{SIZE}}u + local;
#if FORWARD
  if (i >= p.rows) { return; }
  let s = scale(i);
  for (var c = 0u; c < p.columns; c++) {
    let at = i * p.columns + c;
    y[at] = x[at] * s * (p.offset + weight[c]);
  }
#endif
#if GRAD_X
  if (i >= p.rows) { return; }
  let s = scale(i);
  var inner = 0.0;
  for (var c = 0u; c < p.columns; c++) {
    let at = i * p.columns + c;
    inner += (p.offset + weight[c]) * dy[at] * x[at];
  }
  inner *= s * s * s / f32(p.columns);
  for (var c = 0u; c < p.columns; c++) {
    let at = i * p.columns + c;
    var sum = s * (p.offset + weight[c]) * dy[at] - x[at] * inner;
#if ADDEND
    sum += d[at];
#endif
    dx[at] = sum;
  }
#endif
#if GRAD_W
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
#endif
}
