// Small dense operations on subspaces stored as rows, which block power iteration needs besides matrix products. x and y
// are stacks of `count` matrices
//
//   ORTHONORMALISE  y = rows of x made orthonormal in order; y [rows, columns], rows <= columns
//   ROTATE          t = Pᵀ of x = W Σ Pᵀ, one row per right singular vector, largest singular value first; x [rows, rows]
//   SIGNS           y[r] = ±x[r], such that the entry of largest magnitude is positive (the first one on a tie)
//
// Plan: ORTHONORMALISE and ROTATE a workgroup per matrix, SIGNS one per row. A thread of ORTHONORMALISE and SIGNS owns
// every {{THREADS}}th column, so only the sums need barriers; a tree adds eight inner products at a time. ROTATE:
// one-sided Jacobi; a round rotates disjoint pairs of columns (circle method), {{LANES}} threads each, in workgroup memory
// where they fit (LOCAL). On a CPU a single thread is quicker than eight that wait for each other.
// Care: Gram-Schmidt block by block and twice, which stays orthonormal to rounding where Cholesky of a Gram matrix
// fails (it squares the condition, and gradients have steep spectra). Entries are divided by the largest, so squares
// neither overflow nor vanish. A row left with less than `noise` of its length is noise: pseudo-random numbers replace
// it. ROTATE accumulates rotations, so its rows are orthonormal even if singular values are zero.

struct Params { grid: Grid, rows: u32, columns: u32, sweeps: u32, noise: f32, count: u32 }
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
#if ORTHONORMALISE
var<workgroup> parts: array<array<f32, {{THREADS + 8}}>, 8>; // padded: threads that add read different banks
var<workgroup> branches: array<array<f32, 8>, 8>;
var<workgroup> totals: array<f32, 8>;
var<workgroup> is_noise: bool;
#endif
#if ROTATE
// x and the rotations so far, [2, rows, rows], both transposed: a row is a column. Large ones are in y, after each t.
#if LOCAL
var<workgroup> work: array<f32, {{SIZE}}>;
#endif
#if SHARED
var<workgroup> products: array<vec3f, {{THREADS}}>;
#endif
#endif

#if !SIGNS
// Where the matrix begins in x.
var<private> base: u32;

// 1 / largest magnitude of `size` entries of the matrix; 1 if all are zero.
fn unit(size: u32, local: u32) -> f32 {
  var largest = 0.0;
  for (var i = local; i < size; i += {{THREADS}}u) { largest = max(largest, abs(x[base + i])); }
  largest = largestOf(largest, local);
  return select(1.0, 1.0 / largest, largest > 0.0);
}
#endif

#if ORTHONORMALISE
fn squaredLength(at: u32, local: u32) -> f32 {
  var sum = 0.0;
  for (var c = local; c < p.columns; c += {{THREADS}}u) { sum += y[at + c] * y[at + c]; }
  return sumOfAll(sum, local);
}

fn removeRowsBefore(row: u32, local: u32) {
  let at = base + row * p.columns;
  for (var k = 0u; k < row; k += 8u) {
#for q in 8
    let r{{q}} = base + min(k + {{q}}u, row - 1u) * p.columns;
    var s{{q}} = 0.0;
#endfor
    for (var c = local; c < p.columns; c += {{THREADS}}u) {
      let value = y[at + c];
#for q in 8
      s{{q}} += y[r{{q}} + c] * value;
#endfor
    }
#for q in 8
    parts[{{q}}][local] = s{{q}};
#endfor
    workgroupBarrier();
    if (local < 64u) {
      var branch = 0.0;
      for (var n = local % 8u; n < {{THREADS}}u; n += 8u) { branch += parts[local / 8u][n]; }
      branches[local / 8u][local % 8u] = branch;
    }
    workgroupBarrier();
    if (local < 8u) {
      var total = 0.0;
      for (var n = 0u; n < 8u; n++) { total += branches[local][n]; }
      totals[local] = select(0.0, total, k + local < row);
    }
    workgroupBarrier();
    for (var c = local; c < p.columns; c += {{THREADS}}u) {
      var value = y[at + c];
#for q in 8
      value -= totals[{{q}}] * y[r{{q}} + c];
#endfor
      y[at + c] = value;
    }
  }
}

// PCG-style hash, as in dropout.wgsl.
fn hash(word: u32) -> u32 {
  let state = word * 747796405u + 2891336453u;
  let mixed = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (mixed >> 22u) ^ mixed;
}
#endif

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
#if !SIGNS
  let matrix = groupIndex(w);
  if (matrix >= p.count) { return; }
  base = matrix * p.rows * p.columns;
#endif
#if ORTHONORMALISE
  let scale = unit(p.rows * p.columns, local);
  for (var row = 0u; row < p.rows; row++) {
    let at = base + row * p.columns;
    for (var c = local; c < p.columns; c += {{THREADS}}u) { y[at + c] = x[at + c] * scale; }
    let before = squaredLength(at, local);
    removeRowsBefore(row, local);
    removeRowsBefore(row, local);
    var left = squaredLength(at, local);
    if (local == 0u) { is_noise = !(left > p.noise * p.noise * before); }
    if (workgroupUniformLoad(&is_noise)) {
      for (var c = local; c < p.columns; c += {{THREADS}}u) {
        y[at + c] = f32(hash(at - base + c) >> 8u) * (1.0 / 8388608.0) - 1.0;
      }
      removeRowsBefore(row, local);
      removeRowsBefore(row, local);
      left = squaredLength(at, local);
    }
    let length = sqrt(left);
    for (var c = local; c < p.columns; c += {{THREADS}}u) { y[at + c] /= length; }
  }
#endif
#if ROTATE
  let n = p.rows;
  let size = n * n;
  let t = matrix * 3u * size; // room for its work follows each
  let begin = {{BEGIN}};
  let scale = unit(size, local);
  for (var i = local; i < size; i += {{THREADS}}u) {
    {{WORK}}[begin + i] = x[base + (i % n) * n + i / n] * scale;
    {{WORK}}[begin + size + i] = select(0.0, 1.0, i / n == i % n);
  }
  {{BARRIER}};
  let even = n + n % 2u;
  let lane = local % {{LANES}}u;
  for (var sweep = 0u; sweep < p.sweeps; sweep++) {
    for (var round = 0u; round + 1u < even; round++) {
      for (var first = 0u; first < even / 2u; first += {{THREADS}}u / {{LANES}}u) {
        let pair = first + local / {{LANES}}u;
        let other = (round + even - 1u - pair) % (even - 1u);
        let one = select((round + pair) % (even - 1u), even - 1u, pair == 0u);
        let a = begin + min(one, other) * n;
        let b = begin + max(one, other) * n;
        let isPair = pair < even / 2u && b < begin + size;
        var sums = vec3f(0.0); // of u², v², uv
        if (isPair) {
          for (var i = lane; i < n; i += {{LANES}}u) {
            let u = {{WORK}}[a + i];
            let v = {{WORK}}[b + i];
            sums += vec3f(u * u, v * v, u * v);
          }
        }
#if SHARED
        products[local] = sums;
        workgroupBarrier();
        sums = vec3f(0.0);
        for (var i = 0u; i < {{LANES}}u; i++) { sums += products[local - lane + i]; }
#endif
        if (isPair && abs(sums.z) > 1e-7 * sqrt(sums.x) * sqrt(sums.y)) {
          let zeta = (sums.y - sums.x) / (2.0 * sums.z);
          let tangent = select(-1.0, 1.0, zeta >= 0.0) / (abs(zeta) + sqrt(1.0 + zeta * zeta));
          let cosine = 1.0 / sqrt(1.0 + tangent * tangent);
          let sine = cosine * tangent;
          for (var i = lane; i < 2u * n; i += {{LANES}}u) {
            let part = select(i, size + i - n, i >= n);
            let u = {{WORK}}[a + part];
            let v = {{WORK}}[b + part];
            {{WORK}}[a + part] = cosine * u - sine * v;
            {{WORK}}[b + part] = sine * u + cosine * v;
          }
        }
        {{BARRIER}};
      }
    }
  }
  // The length of each column goes into its first element, which is no longer read.
  for (var a = local; a < n; a += {{THREADS}}u) {
    var sum = 0.0;
    for (var i = begin + a * n; i < begin + a * n + n; i++) { sum += {{WORK}}[i] * {{WORK}}[i]; }
    {{WORK}}[begin + a * n] = sum;
  }
  {{BARRIER}};
  for (var a = local; a < n; a += {{THREADS}}u) {
    let own = {{WORK}}[begin + a * n];
    var place = 0u;
    for (var b = 0u; b < n; b++) {
      let other = {{WORK}}[begin + b * n];
      place += select(0u, 1u, other > own || (other == own && b < a));
    }
    for (var i = 0u; i < n; i++) { y[t + place * n + i] = {{WORK}}[begin + size + a * n + i]; }
  }
#endif
#if SIGNS
  let row = groupIndex(w);
  if (row >= p.rows) { return; }
  let at = row * p.columns;
  var best = vec2f(-1.0, 0.0); // the largest magnitude and its column, an f32: exact to 2^24
  for (var c = local; c < p.columns; c += {{THREADS}}u) {
    if (abs(x[at + c]) > best.x) { best = vec2f(abs(x[at + c]), f32(c)); }
  }
  let place = u32(firstLargest(best, local).y);
  let sign = select(1.0, -1.0, x[at + place] < 0.0);
  for (var c = local; c < p.columns; c += {{THREADS}}u) { y[at + c] = sign * x[at + c]; }
#endif
}
