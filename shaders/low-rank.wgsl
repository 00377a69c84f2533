// A product with matrices of low rank, as of adapters: y = D + alpha Σ_i (x A_iᵀ) B_iᵀ over PAIRS pairs, and its gradients
//
//   DOWN   H_i [M, R_i] = alpha X F_iᵀ for every pair; with DROP X loses elements as in `dropout.wgsl` (`kept` gets the rest)
//   UP     C [M, N] = alpha Σ_i H_i F_i [+ D]; with DROP the sum, without D, loses the same elements
//   GRAD   G [columns, R] = beta Pᵀ Q with P [M, columns] and Q [M, R]; in the grid of DOWN, where P is X, or alone
//
// X [M, K]. F_i is stored [R_i, K] for DOWN and [N, R_i] for UP, or the other way round with ACROSS. G is stored by its
// strides.
//
// Plan: 64 threads. DOWN: ROWS rows; LANES threads share a row, add up parts of K, eight of R at a time, and then each
// other's sums in workgroup memory. UP: 16 rows of 64 columns; the rows of H in workgroup memory. GRAD: eight columns of
// P, whose sum over M is shared by eight threads. So no sum goes through memory, and a long row of X is read once.
// Care: sums run in a fixed order.

struct Params {
  grid: Grid,
  M: u32, N: u32, alpha: f32, R0: u32, R1: u32, salt: u32, rate: f32,  // N: columns of X or C
  columns: u32, R: u32, across: u32, along: u32, beta: f32,
}
#if GRAD
@group(0) @binding({{GRAD_BINDING}}) var<storage, read> Q: array<f32>;
@group(0) @binding({{GRAD_BINDING + 1}}) var<storage, read_write> G: array<f32>;
#if DOWN
fn elementOfP(i: u32) -> f32 {
#if SCALAR
  return X[i];
#else
  return X[i / 4u][i % 4u];
#endif
}
#else
@group(0) @binding(1) var<storage, read> P: array<f32>;
fn elementOfP(i: u32) -> f32 { return P[i]; }
#endif
#endif
#if DOWN
@group(0) @binding(1) var<storage, read> X: array<{{T}}>;
#for i in PAIRS
@group(0) @binding({{2 * i + 2}}) var<storage, read> F{{i}}: array<{{F}}>;
@group(0) @binding({{2 * i + 3}}) var<storage, read_write> H{{i}}: array<f32>;
#endfor
#if DROP
@group(0) @binding({{2 * PAIRS + 2}}) var<storage, read> step: array<u32>;
@group(0) @binding({{2 * PAIRS + 3}}) var<storage, read_write> kept: array<{{T}}>;
#endif
#endif
#if UP
@group(0) @binding(1) var<storage, read_write> C: array<f32>;
#for i in PAIRS
@group(0) @binding({{2 * i + 2}}) var<storage, read> F{{i}}: array<f32>;
@group(0) @binding({{2 * i + 3}}) var<storage, read> H{{i}}: array<f32>;
#endfor
#if DROP
@group(0) @binding({{2 * PAIRS + 2}}) var<storage, read> step: array<u32>;
#endif
#if ADDEND
@group(0) @binding({{ADDEND_BINDING}}) var<storage, read> D: array<f32>;
#endif
#endif

#if DROP
fn hash(word: u32) -> u32 {
  let state = word * 747796405u + 2891336453u;
  let mixed = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (mixed >> 22u) ^ mixed;
}
// The factor of an element: 0 if it is dropped.
fn factorOf(key: u32, i: u32) -> f32 {
  return select(1.0 / (1.0 - p.rate), 0.0, f32(hash(i ^ key) >> 8u) * (1.0 / 16777216.0) < p.rate);
}
#endif

#if UP
var<workgroup> tile: array<vec4f, 128>;
#else
var<workgroup> sums: array<vec4f, 128>;
#endif

#if DOWN
#if SCALAR
fn times(x: f32, y: f32) -> f32 { return x * y; }
#else
fn times(x: vec4f, y: vec4f) -> f32 { return dot(x, y); }
#endif
#endif

#if GRAD
// Column `group` of eight, for the eight threads that share its sum.
fn gradient(group: u32, thread: u32) {
  let column = group * 8u + thread % 8u;
  let lane = thread / 8u;
  for (var c = 0u; c < p.R; c += 8u) {
    var low = vec4f();
    var high = vec4f();
    for (var m = lane; m < p.M; m += 8u) {
      let x = elementOfP(m * p.columns + min(column, p.columns - 1u));
      let first = m * p.R;
#for n in 4
      low[{{n}}] += x * Q[first + min(c + {{n}}u, p.R - 1u)];
      high[{{n}}] += x * Q[first + min(c + {{n + 4}}u, p.R - 1u)];
#endfor
    }
    workgroupBarrier();
    sums[2u * thread] = low;
    sums[2u * thread + 1u] = high;
    workgroupBarrier();
    if (column < p.columns && c + lane < p.R) {
      var sum = 0.0;
      for (var l = 0u; l < 8u; l++) { sum += sums[2u * (8u * l + thread % 8u) + lane / 4u][lane % 4u]; }
      G[column * p.across + (c + lane) * p.along] = p.beta * sum;
    }
  }
}
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) thread: u32) {
#if !UP
  var group = groupIndex(w);
#endif
#if GRAD
  let columnGroups = (p.columns + 7u) / 8u;
  if (group < columnGroups) {
    gradient(group, thread);
    return;
  }
  group -= columnGroups;
#endif
#if DOWN
  let lane = thread % {{LANES}}u;
  let row = group * {{ROWS}}u + thread / {{LANES}}u;
  let width = p.N / {{STEP}}u;
  let start = min(row, p.M - 1u) * width;
#if DROP
  let key = hash(p.salt ^ hash(step[0]));
#endif
#for i in PAIRS
  for (var c = 0u; c < p.R{{i}}; c += 8u) {
    var low = vec4f();
    var high = vec4f();
    for (var k = lane; k < width; k += {{LANES}}u) {
      var x = X[start + k];
#if DROP
#if SCALAR
      x *= factorOf(key, start + k);
#else
      for (var e = 0u; e < 4u; e++) { x[e] *= factorOf(key, 4u * (start + k) + e); }
#endif
#if !i
      if (c == 0u && row < p.M) { kept[start + k] = x; }
#endif
#endif
#if ACROSS
      for (var e = 0u; e < {{STEP}}u; e++) {
#if SCALAR
        let one = x;
#else
        let one = x[e];
#endif
        let first = ({{STEP}}u * k + e) * p.R{{i}};
#for n in 4
        low[{{n}}] += one * F{{i}}[first + min(c + {{n}}u, p.R{{i}} - 1u)];
        high[{{n}}] += one * F{{i}}[first + min(c + {{n + 4}}u, p.R{{i}} - 1u)];
#endfor
      }
#else
#for n in 4
      low[{{n}}] += times(x, F{{i}}[min(c + {{n}}u, p.R{{i}} - 1u) * width + k]);
      high[{{n}}] += times(x, F{{i}}[min(c + {{n + 4}}u, p.R{{i}} - 1u) * width + k]);
#endfor
#endif
    }
    workgroupBarrier();
    sums[2u * thread] = low;
    sums[2u * thread + 1u] = high;
    workgroupBarrier();
    if (lane < 8u && c + lane < p.R{{i}} && row < p.M) {
      var sum = 0.0;
      for (var l = 0u; l < {{LANES}}u; l++) { sum += sums[2u * (thread - lane + l) + lane / 4u][lane % 4u]; }
      H{{i}}[row * p.R{{i}} + c + lane] = p.alpha * sum;
    }
  }
#endfor
#endif
#if UP
  let group = groupAt(w);
  let column = group.x * 64u + thread;
  let row = group.y * 16u;
  let n = min(column, p.N - 1u);
#for q in 4
  var c{{q}} = vec4f();
#endfor
#for i in PAIRS
  for (var first = 0u; first < p.R{{i}}; first += 32u) {
    workgroupBarrier();
    for (var at = thread; at < 128u; at += 64u) {
      let r = first + at / 4u;
      var four = vec4f();
      for (var e = 0u; e < 4u; e++) {
        let m = row + at % 4u * 4u + e;
        if (r < p.R{{i}} && m < p.M) { four[e] = H{{i}}[m * p.R{{i}} + r]; }
      }
      tile[at] = four;
    }
    workgroupBarrier();
    for (var r = first; r < min(first + 32u, p.R{{i}}); r++) {
#if ACROSS
      let f = F{{i}}[r * p.N + n];
#else
      let f = F{{i}}[n * p.R{{i}} + r];
#endif
#for q in 4
      c{{q}} += f * tile[(r - first) * 4u + {{q}}u];
#endfor
    }
  }
#endfor
  if (column >= p.N) { return; }
#if DROP
  let key = hash(p.salt ^ hash(step[0]));
#endif
#for q in 4
  for (var e = 0u; e < 4u; e++) {
    let m = row + {{4 * q}}u + e;
    if (m >= p.M) { return; }
    let at = m * p.N + column;
    var sum = p.alpha * c{{q}}[e];
#if DROP
    sum *= factorOf(key, at);
#endif
#if ADDEND
    sum += D[at];
#endif
    C[at] = sum;
  }
#endfor
#endif
}
