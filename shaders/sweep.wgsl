// Parts of a block step of the sweep operator, which inverts a symmetric positive definite matrix A [n, n] in place.
// Sweeping a block with rows and columns K = first … first + size − 1, all others being J:
//
//   D = A_KK⁻¹,    A_JJ ← A_JJ − A_JK D A_KJ,    A_KJ ← D A_KJ,    A_JK ← (D A_KJ)ᵀ,    A_KK ← −D
//
// After all blocks A holds −A⁻¹. Products compute A_JJ and D A_K·; this file has the rest:
//
//   PIVOT    d = D [size, size]; failures[0] += number of pivots that are not positive
//   PANEL    r = A_K· [size, n]
//   BORDERS  a_K· = D A_K·, a_·K its transpose, and −D where they cross; x = D A_K· [size, n], y = D
//
// Plan: PIVOT a single workgroup with the block in workgroup memory, one pivot after another; PANEL and BORDERS a
// thread per element of the panel.
// Care: no pivoting, which a positive definite matrix does not need. A pivot that is not positive is replaced by 1, so
// that the count stays meaningful; NaN counts.

struct Params { grid: Grid, n: u32, first: u32, size: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, {{ACCESS}}> y: array<f32>;
#if PIVOT
@group(0) @binding(3) var<storage, read_write> failures: array<f32>;
var<workgroup> a: array<f32, {{SIZE * SIZE}}>;
#endif
#if BORDERS
@group(0) @binding(3) var<storage, read_write> a: array<f32>;
#endif

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
#if PIVOT
  let count = p.size * p.size;
  for (var e = local; e < count; e += {{THREADS}}u) {
    a[e] = x[(p.first + e / p.size) * p.n + p.first + e % p.size];
  }
  workgroupBarrier();
  for (var k = 0u; k < p.size; k++) {
    let found = a[k * p.size + k];
    let isPositive = found > 0.0 && found < 3.4e38;
    let inverse = 1.0 / select(1.0, found, isPositive);
    if (local == 0u && !isPositive) { failures[0] += 1.0; }
    for (var e = local; e < count; e += {{THREADS}}u) {
      let i = e / p.size;
      let j = e % p.size;
      if (i != k && j != k) { a[e] -= a[i * p.size + k] * inverse * a[k * p.size + j]; }
    }
    workgroupBarrier();
    for (var i = local; i < p.size; i += {{THREADS}}u) {
      if (i == k) { a[k * p.size + k] = -inverse; }
      else {
        a[i * p.size + k] *= inverse;
        a[k * p.size + i] *= inverse;
      }
    }
    workgroupBarrier();
  }
  for (var e = local; e < count; e += {{THREADS}}u) { y[e] = -a[e]; }
#else
  let at = groupIndex(w) * {{THREADS}}u + local;
  if (at >= p.size * p.n) { return; }
  let i = at / p.n;
  let j = at % p.n;
#if PANEL
  y[at] = x[p.first * p.n + at];
#else
  if (j >= p.first && j < p.first + p.size) {
    a[(p.first + i) * p.n + j] = -y[i * p.size + j - p.first];
  } else {
    a[(p.first + i) * p.n + j] = x[at];
    a[j * p.n + p.first + i] = x[at];
  }
#endif
#endif
}
