// The common part of all matrix product kernels, prepended to each: parameters, operands, the result C, addends and
// writing. matmul.wgsl explains them.
//
// VEC reads four floats at once. PACKED: B is unpacked when read.
// HALVES rounds operands to f16 when read: the error is 2^-11 of a value, or 3e-8 for values below 6e-5; finite values
// are clamped to +-65504.

struct Params {
  grid: Grid,
  M: u32, N: u32, K: u32, splits: u32,
  batchA: u32, batchB: u32, batchC: u32, batchD: u32,  // elements from one batch to the next; 0 = shared
  alpha: f32,
  rowA: u32, rowB: u32, offsetA: u32, offsetB: u32, rowC: u32, offsetC: u32, scalesB: u32,
}
@group(0) @binding(3) var<storage, read_write> C: array<f32>;
#if ADDEND
@group(0) @binding(4) var<storage, read> D: array<f32>;
#endif

@group(0) @binding(1) var<storage, read> A: array<{{TYPE}}>;
#if PACKED
fn b(i: u32) -> {{TYPE}} { return {{UNPACKED}}; }
#else
@group(0) @binding(2) var<storage, read> B: array<{{TYPE}}>;
fn b(i: u32) -> {{TYPE}} { return B[i]; }
#endif

// Four adjacent elements from an index; with VEC a multiple of four.
#if VEC
fn a4(i: u32) -> vec4f { return A[i / 4u]; }
fn b4(i: u32) -> vec4f { return b(i / 4u); }
#else
fn a4(i: u32) -> vec4f { return vec4f(A[i], A[i + 1u], A[i + 2u], A[i + 3u]); }
fn b4(i: u32) -> vec4f { return vec4f(b(i), b(i + 1u), b(i + 2u), b(i + 3u)); }
#endif

// The place of a workgroup in z: its batch, and the part of K that it sums, from a multiple of four to another or K.
fn batchOf(z: u32) -> u32 { return z / p.splits; }
fn partOfK(z: u32) -> vec2u {
  let length = (p.K + 4u * p.splits - 1u) / (4u * p.splits) * 4u;
  return min(vec2u(z % p.splits, z % p.splits + 1u) * length, vec2u(p.K));
}

// Writes up to four adjacent columns. One call for four keeps unrolled code short and quick to compile.
fn put(row: u32, column: u32, z: u32, values: vec4f) {
  if (row >= p.M || column >= p.N) { return; }
  for (var n = 0u; n < min(4u, p.N - column); n++) {
    let at = p.offsetC + row * p.rowC + column + n;
    var sum = p.alpha * values[n];
#if ADDEND
    sum += D[z * p.batchD + at];
#endif
#if ACCUMULATE
    sum += C[z * p.batchC + at];
#endif
    C[z * p.batchC + at] = sum;
  }
}

#if HALVES
// Rounds to f16. Tests the bits for infinity and NaN, which stay as they are: compilers may assume that neither occurs.
fn rounded(four: vec4f) -> vec4h {
  let isFinite = (bitcast<vec4u>(four) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
  return vec4h(select(four, clamp(four, vec4f(-65504.0), vec4f(65504.0)), isFinite));
}
#endif
