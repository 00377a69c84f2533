// Activations, plain and gated, and their gradients
//
//   forward   y = f(x)            or  y = f(x) * u          (GATED)
//   gradient  dx = dy f'(x)       or  dx = dy u f'(x),  du = dy f(x)
// f: relu; gelu_new (tanh form, Hugging Face NewGELUActivation); silu; abs_tanh_half, |2 sigmoid(x) − 1|, plain only. All tensors
// have `size` elements.
//
// Plan: a workgroup of 64 threads takes several times 64 values, adjacent threads adjacent values: a single value costs
// less than starting a thread. A value is a vec4 where `size` is a multiple of four, otherwise one element.
// Care: the argument of tanh is clamped to ±15, where tanh is ±1 in f32, since some drivers overflow in its
// exponentials.

struct Params { grid: Grid, size: u32 }  // in values
@group(0) @binding(1) var<storage, read> x: array<{{T}}>;
#if !GRADIENT
#if GATED
@group(0) @binding(2) var<storage, read> u: array<{{T}}>;
@group(0) @binding(3) var<storage, read_write> y: array<{{T}}>;
#else
@group(0) @binding(2) var<storage, read_write> y: array<{{T}}>;
#endif
#else
@group(0) @binding(2) var<storage, read> dy: array<{{T}}>;
@group(0) @binding(3) var<storage, read_write> dx: array<{{T}}>;
#if GATED
@group(0) @binding(4) var<storage, read> u: array<{{T}}>;
@group(0) @binding(5) var<storage, read_write> du: array<{{T}}>;
#endif
#endif

const C = 0.7978845608028654; // sqrt(2 / pi)
const A = 0.044715;

fn f(v: {{T}}) -> {{T}} {
#if RELU
  return max(v, {{T}}());
#endif
#if GELU
  return 0.5 * v * (1.0 + tanh(clamp(C * (v + A * v * v * v), {{T}}(-15.0), {{T}}(15.0))));
#endif
#if SILU
  return v / (1.0 + exp(-v));
#endif
#if ABS_TANH_HALF
  return abs(2.0 / (1.0 + exp(-v)) - 1.0);
#endif
}

fn df(v: {{T}}) -> {{T}} {
#if RELU
  return select({{T}}(), {{T}}(1.0), v > {{T}}());
#endif
#if GELU
  let t = tanh(clamp(C * (v + A * v * v * v), {{T}}(-15.0), {{T}}(15.0)));
  return 0.5 * (1.0 + t) + 0.5 * v * (1.0 - t * t) * C * (1.0 + 3.0 * A * v * v);
#endif
#if SILU
  let s = 1.0 / (1.0 + exp(-v));
  return s * (1.0 + v * (1.0 - s));
#endif
#if ABS_TANH_HALF
  let s = 1.0 / (1.0 + exp(-v));
  return 2.0 * sign(v) * s * (1.0 - s);
#endif
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = groupIndex(w) * {{EACH * 64}}u + local;
  for (var i = first; i < min(p.size, first + {{EACH * 64}}u); i += 64u) {
#if !GRADIENT
#if GATED
    y[i] = f(x[i]) * u[i];
#else
    y[i] = f(x[i]);
#endif
#else
#if GATED
    dx[i] = dy[i] * u[i] * df(x[i]);
    du[i] = dy[i] * f(x[i]);
#else
    dx[i] = dy[i] * df(x[i]);
#endif
#endif
  }
}
