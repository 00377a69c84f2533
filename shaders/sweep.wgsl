// Parts of a block step of the sweep operator, which inverts symmetric positive definite matrices A [n, n] in place:
// `count` of them, `stride` elements apart. Sweeping a block with rows and columns K = first … first + size − 1, all
// others being J:
//
//   D = A_KK⁻¹,    A_JJ ← A_JJ − A_JK D A_KJ,    A_KJ ← D A_KJ,    A_JK ← (D A_KJ)ᵀ,    A_KK ← −D
//
// After all blocks A holds −A⁻¹. Products compute A_JJ and D A_K·; this file has the rest:
//
//   PIVOT    d = D [count, size, size]; failures[m] += number of pivots of matrix m that are not positive
//   PANEL    r = A_K· [count, size, n]
//   BORDERS  a_K· = D A_K·, a_·K its transpose, and −D where they cross; x = D A_K· [count, size, n], y = D
//
// Plan: PIVOT a workgroup per matrix with its block in workgroup memory, one pivot after another; PANEL and BORDERS a
// thread per element of the panels.
// Care: no pivoting, which a positive definite matrix does not need. A pivot that is not positive is replaced by 1, so
// that the count stays meaningful; NaN counts.

struct Params { grid: Grid, n: u32, first: u32, size: u32, count: u32, stride: u32 }
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
  let m = groupIndex(w);
  if (m >= p.count) { return; }
  let square = p.size * p.size;
  for (var e = local; e < square; e += {{THREADS}}u) {
    a[e] = x[m * p.stride + (p.first + e / p.size) * p.n + p.first + e % p.size];
  }
  workgroupBarrier();
  for (var k = 0u; k < p.size; k++) {
    let found = a[k * p.size + k];
    let isPositive = found > 0.0 && found < 3.4e38;
    let inverse = 1.0 / select(1.0, found, isPositive);
    if (local == 0u && !isPositive) { failures[m] += 1.0; }
    for (var e = local; e < square; e += {{THREADS}}u) {
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
  for (var e = local; e < square; e += {{THREADS}}u) { y[m * square + e] = -a[e]; }
#else
  let at = groupIndex(w) * {{THREADS}}u + local;
  if (at >= p.count * p.size * p.n) { return; }
  let row = at / p.n;
  let j = at % p.n;
  let begin = row / p.size * p.stride;
  let i = p.first + row % p.size;
#if PANEL
  y[at] = x[begin + i * p.n + j];
#else
  if (j >= p.first && j < p.first + p.size) {
    a[begin + i * p.n + j] = -y[row * p.size + j - p.first];
  } else {
    a[begin + i * p.n + j] = x[at];
    a[begin + j * p.n + i] = x[at];
  }
#endif
#endif
}
