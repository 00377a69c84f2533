// Adam, clipping and norms over stacks of tensors
//
// A stack holds n tensors of one shape, `stride` elements apart, so one dispatch serves all layers.
//   PRODUCTS  products[i] = Σ x y  of tensors i                             (`size` elements each)
//   CLIP      norm = sqrt(Σ squares), factor = min(1, limit / (norm + 1e-6))         (torch clip_grad_norm_)
//   ADAM      g = factor x;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g²;  update = rate m / (sqrt(v) + eps)
//             where ε is added to the uncorrected root and rate = rates[index] includes the bias correction;
//             INTO also computes  w = w - scale update
//   APPLY     w = w - scale update
//
// Plan: PRODUCTS one workgroup of {{THREADS}} per tensor, CLIP a single one, both strided, with sums added by a tree; ADAM
// and APPLY one thread per four elements if the stack is a multiple of four (T = vec4f), else per element.

struct Params { grid: Grid, count: u32, size: u32, stride: u32, index: u32, beta1: f32, beta2: f32, eps: f32, limit: f32, scale: f32 }
#if PRODUCTS
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> products: array<f32>;
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

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = groupIndex(w);
  let at = group * {{THREADS}}u + local;
#if PRODUCTS
  if (group >= p.count) { return; }
  var sum = 0.0;
  for (var i = local; i < p.size; i += {{THREADS}}u) { sum += x[group * p.stride + i] * y[group * p.stride + i]; }
  sum = sumOfAll(sum, local);
  if (local == 0u) { products[group] = sum; }
#endif
#if CLIP
  var total = 0.0;
  for (var i = local; i < p.count; i += {{THREADS}}u) { total += squares[i]; }
  total = sumOfAll(total, local);
  if (local == 0u) {
    clip[0] = sqrt(total);
    clip[1] = min(1.0, p.limit / (clip[0] + 1e-6));
  }
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
