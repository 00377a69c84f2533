// Adam, clipping and norms over stacks of tensors
//
// A stack holds n tensors of one shape, `stride` elements apart, so one dispatch serves all layers.
//   SQUARES   squares[i] = Σ x²  of tensor i                                (x: `size` elements each)
//   CLIP      norm = sqrt(Σ squares), factor = min(1, limit / (norm + 1e-6))         (torch clip_grad_norm_)
//   ADAM      g = factor x;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g²;  update = rate m / (sqrt(v) + eps)
//             where ε is added to the uncorrected root and rate = rates[index] includes the bias correction;
//             INTO also computes  w = w - scale update
//   APPLY     w = w - scale update
//
// Plan: SQUARES one workgroup of 64 per tensor, strided, partial sums added in order; ADAM and APPLY one thread per
// four elements if the stack is a multiple of four (T = vec4f), else per element; CLIP a single thread.

struct Params { grid: Grid, count: u32, size: u32, stride: u32, index: u32, beta1: f32, beta2: f32, eps: f32, limit: f32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
#if SQUARES
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;
var<workgroup> parts: array<f32, 64>;
#endif
#if CLIP
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> clip: array<f32>; // [norm, factor]
#endif
#if ADAM
@group(0) @binding(1) var<storage, read> x: array<{{T}}>;
@group(0) @binding(2) var<storage, read> clip: array<f32>;
@group(0) @binding(3) var<storage, read_write> m: array<{{T}}>;
@group(0) @binding(4) var<storage, read_write> v: array<{{T}}>;
@group(0) @binding(5) var<storage, read> rates: array<f32>;
#if INTO
@group(0) @binding(6) var<storage, read_write> weight: array<{{T}}>;
#else
@group(0) @binding(6) var<storage, read_write> update: array<{{T}}>;
#endif
#endif
#if APPLY
@group(0) @binding(1) var<storage, read> update: array<{{T}}>;
@group(0) @binding(2) var<storage, read_write> weight: array<{{T}}>;
#endif

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let group = groupIndex(w);
  let at = group * 64u + local;
#if SQUARES
  let tensor = min(group, p.count - 1u);
  var sum = 0.0;
  for (var i = local; i < p.size; i += 64u) {
    let value = x[tensor * p.stride + i];
    sum += value * value;
  }
  parts[local] = sum;
  workgroupBarrier();
  if (local == 0u && group < p.count) {
    var total = 0.0;
    for (var n = 0u; n < 64u; n++) { total += parts[n]; }
    squares[tensor] = total;
  }
#endif
#if CLIP
  if (at != 0u) { return; }
  var total = 0.0;
  for (var i = 0u; i < p.count; i++) { total += squares[i]; }
  clip[0] = sqrt(total);
  clip[1] = min(1.0, p.limit / (clip[0] + 1e-6));
#endif
#if ADAM
  if (at >= p.count * p.stride / {{WIDTH}}u) { return; }
  let g = x[at] * clip[1];
  let first = p.beta1 * m[at] + (1.0 - p.beta1) * g;
  let second = p.beta2 * v[at] + (1.0 - p.beta2) * g * g;
  m[at] = first;
  v[at] = second;
  let step = rates[p.index] * first / (sqrt(second) + p.eps);
#if INTO
  weight[at] -= p.scale * step;
#else
  update[at] = step;
#endif
#endif
#if APPLY
  if (at >= p.count * p.stride / {{WIDTH}}u) { return; }
  weight[at] -= p.scale * update[at];
#endif
}
