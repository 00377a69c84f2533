// Small dense operations on a subspace stored as rows, which block power iteration needs besides matrix products
//
//   ORTHONORMALISE  y = rows of x made orthonormal in order; y [rows, columns], rows <= columns
//   ROTATE          t = Pᵀ of x = W Σ Pᵀ, one row per right singular vector, largest singular value first; x [rows, rows]
//   SIGNS           y[r] = ±x[r], such that the entry of largest magnitude is positive (the first one on a tie)
//
// Plan: ORTHONORMALISE and ROTATE a single workgroup, SIGNS one per row. A thread of ORTHONORMALISE and SIGNS owns
// every {{THREADS}}th column, so only the sums need barriers; eight inner products are summed at a time. ROTATE:
// one-sided Jacobi; a round rotates disjoint pairs of columns (circle method), one thread each.
// Care: Gram-Schmidt block by block and twice, which stays orthonormal to rounding where Cholesky of a Gram matrix
// fails (it squares the condition, and gradients have steep spectra). Entries are divided by the largest, so squares
// neither overflow nor vanish. A row left with less than `noise` of its length is noise: pseudo-random numbers replace
// it. ROTATE accumulates rotations, so its rows are orthonormal even if singular values are zero.

struct Params { grid: Grid, rows: u32, columns: u32, sweeps: u32, noise: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
#if ROTATE
// x and the rotations so far, [2, rows, rows], both transposed: a row is a column.
@group(0) @binding(3) var<storage, read_write> work: array<f32>;
#endif
var<workgroup> parts: array<array<f32, {{THREADS}}>, 8>;
#if ORTHONORMALISE
var<workgroup> totals: array<f32, 8>;
#endif
#if SIGNS
var<workgroup> places: array<u32, {{THREADS}}>;
#endif
var<workgroup> shared_value: f32;

#if !SIGNS
// 1 / largest magnitude of `size` entries of x; 1 if all are zero.
fn unit(size: u32, local: u32) -> f32 {
  var largest = 0.0;
  for (var i = local; i < size; i += {{THREADS}}u) { largest = max(largest, abs(x[i])); }
  parts[0][local] = largest;
  workgroupBarrier();
  if (local == 0u) {
    for (var n = 1u; n < {{THREADS}}u; n++) { largest = max(largest, parts[0][n]); }
    shared_value = select(1.0, 1.0 / largest, largest > 0.0);
  }
  return workgroupUniformLoad(&shared_value);
}
#endif

#if ORTHONORMALISE
fn squaredLength(at: u32, local: u32) -> f32 {
  var sum = 0.0;
  for (var c = local; c < p.columns; c += {{THREADS}}u) { sum += y[at + c] * y[at + c]; }
  parts[0][local] = sum;
  workgroupBarrier();
  if (local == 0u) {
    var total = 0.0;
    for (var n = 0u; n < {{THREADS}}u; n++) { total += parts[0][n]; }
    shared_value = total;
  }
  return workgroupUniformLoad(&shared_value);
}

fn removeRowsBefore(row: u32, local: u32) {
  let at = row * p.columns;
  for (var k = 0u; k < row; k += 8u) {
#for q in 8
    let r{{q}} = min(k + {{q}}u, row - 1u) * p.columns;
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
    if (local < 8u) {
      var total = 0.0;
      for (var n = 0u; n < {{THREADS}}u; n++) { total += parts[local][n]; }
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
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
#if ORTHONORMALISE
  let scale = unit(p.rows * p.columns, local);
  for (var row = 0u; row < p.rows; row++) {
    let at = row * p.columns;
    for (var c = local; c < p.columns; c += {{THREADS}}u) { y[at + c] = x[at + c] * scale; }
    let before = squaredLength(at, local);
    removeRowsBefore(row, local);
    removeRowsBefore(row, local);
    var left = squaredLength(at, local);
    if (!(left > p.noise * p.noise * before)) {
      for (var c = local; c < p.columns; c += {{THREADS}}u) {
        y[at + c] = f32(hash(at + c) >> 8u) * (1.0 / 8388608.0) - 1.0;
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
  let scale = unit(size, local);
  for (var i = local; i < size; i += {{THREADS}}u) {
    work[i] = x[(i % n) * n + i / n] * scale;
    work[size + i] = select(0.0, 1.0, i / n == i % n);
  }
  storageBarrier();
  let even = n + n % 2u;
  for (var sweep = 0u; sweep < p.sweeps; sweep++) {
    for (var round = 0u; round + 1u < even; round++) {
      for (var pair = local; pair < even / 2u; pair += {{THREADS}}u) {
        let other = (round + even - 1u - pair) % (even - 1u);
        let one = select((round + pair) % (even - 1u), even - 1u, pair == 0u);
        let a = min(one, other);
        let b = max(one, other);
        if (b >= n) { continue; }
        var aa = 0.0;
        var bb = 0.0;
        var ab = 0.0;
        for (var i = 0u; i < n; i++) {
          let u = work[a * n + i];
          let v = work[b * n + i];
          aa += u * u;
          bb += v * v;
          ab += u * v;
        }
        if (!(abs(ab) > 1e-7 * sqrt(aa) * sqrt(bb))) { continue; }
        let zeta = (bb - aa) / (2.0 * ab);
        let tangent = select(-1.0, 1.0, zeta >= 0.0) / (abs(zeta) + sqrt(1.0 + zeta * zeta));
        let cosine = 1.0 / sqrt(1.0 + tangent * tangent);
        let sine = cosine * tangent;
        for (var part = 0u; part < 2u; part++) {
          for (var i = 0u; i < n; i++) {
            let u = work[part * size + a * n + i];
            let v = work[part * size + b * n + i];
            work[part * size + a * n + i] = cosine * u - sine * v;
            work[part * size + b * n + i] = sine * u + cosine * v;
          }
        }
      }
      storageBarrier();
    }
  }
  // The length of each column goes into its first element, which is no longer read.
  for (var a = local; a < n; a += {{THREADS}}u) {
    var sum = 0.0;
    for (var i = 0u; i < n; i++) { sum += work[a * n + i] * work[a * n + i]; }
    work[a * n] = sum;
  }
  storageBarrier();
  for (var a = local; a < n; a += {{THREADS}}u) {
    var place = 0u;
    for (var b = 0u; b < n; b++) {
      let isBefore = work[b * n] > work[a * n] || (work[b * n] == work[a * n] && b < a);
      place += select(0u, 1u, isBefore);
    }
    for (var i = 0u; i < n; i++) { y[place * n + i] = work[size + a * n + i]; }
  }
#endif
#if SIGNS
  let row = min(groupIndex(w), p.rows - 1u);
  let at = row * p.columns;
  var place = 0u;
  var largest = -1.0;
  for (var c = local; c < p.columns; c += {{THREADS}}u) {
    if (abs(x[at + c]) > largest) {
      largest = abs(x[at + c]);
      place = c;
    }
  }
  parts[0][local] = largest;
  places[local] = place;
  workgroupBarrier();
  if (local == 0u) {
    for (var n = 1u; n < {{THREADS}}u; n++) {
      let isTie = parts[0][n] == largest && places[n] < place;
      if (parts[0][n] > largest || isTie) {
        largest = parts[0][n];
        place = places[n];
      }
    }
    shared_value = select(1.0, -1.0, x[at + place] < 0.0);
  }
  let sign = workgroupUniformLoad(&shared_value);
  for (var c = local; c < p.columns; c += {{THREADS}}u) { y[at + c] = sign * x[at + c]; }
#endif
}
