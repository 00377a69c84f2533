// Matrix product  C = alpha * op(A) op(B) [+ D] [+ C]      f32, row-major, batched
//
// C [batch, M, N]; op(A) [M, K], op(B) [K, N]. Stored layouts:
//   NT  A [M, K], B [N, K]    y = x Wᵀ, the forward of a linear layer
//   NN  A [M, K], B [K, N]    dx = dy W
//   TN  A [K, M], B [K, N]    dW = dyᵀ x
// D has the shape of C. ACCUMULATE adds to C. Rows of A are `rowA` elements apart and begin at `offsetA`; B has `rowB`
// and `offsetB`, C and D `rowC` and `offsetC`. So a product can work on some rows or columns (a window) of larger
// matrices.
// PACKED: B is a frozen matrix, stored as described in `shaders/packed.wgsl`.
//
// Plan: one thread computes a tile of TM x TN in registers, unrolled; no workgroup memory, so it suits adapters with
// expensive barriers, and any size: rows and columns beyond the edge are clamped when read and not written.
// VEC reads four floats at once along the contiguous side (K for NT; K and N for NN; M and N for TN): rows then begin
// at multiples of 4, K is a multiple of 4 if contiguous, and reads may cover the gap between two rows.
// A long K with a small C would occupy few threads. Then K is cut into `splits` parts, whose sums go to
// C [batch * splits, M, N] and are added by reduce-splits.
// Grid: x over column tiles, y over row tiles, z = batch * splits + split.
// Care: f32 sums in order of K, 4 partial products at a time; the error bound is K eps |A||B|.

#if VEC
fn times(x: vec4f, y: vec4f) -> f32 { return dot(x, y); }
#else
fn times(x: f32, y: f32) -> f32 { return x * y; }
#endif

@compute @workgroup_size({{WX}}, {{WY}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let id = groupAt(w) * vec3u({{WX}}u, {{WY}}u, 1u) + local;
  let row = id.y * {{TM}}u;
  let column = id.x * {{TN}}u;
  if (row >= p.M || column >= p.N) { return; }
  let batch = batchOf(id.z);
  let part = partOfK(id.z);
#if VEC
  let a0 = (p.offsetA + batch * p.batchA) / 4u;
  let b0 = (p.offsetB + batch * p.batchB) / 4u;
#else
  let a0 = p.offsetA + batch * p.batchA;
  let b0 = p.offsetB + batch * p.batchB;
#endif
#if FOURS
#for i in TM
#for g in TN4
  var c{{i}}_{{g}} = vec4f();
#endfor
#endfor
#for g in TN4
  let s{{g}} = b0 + min(column / 4u + {{g}}u, (p.N - 1u) / 4u);
#endfor
#else
#for i in TM
#for j in TN
  var c{{i}}_{{j}} = 0.0;
#endfor
#endfor
#for j in TN
  let s{{j}} = b0 + min(column + {{j}}u, p.N - 1u) * {{LINE_B}};
#endfor
#endif
#if TN_VEC
#for i in TM4
  let r{{i}} = a0 + min(row / 4u + {{i}}u, (p.M - 1u) / 4u);
#endfor
  for (var k = part.x; k < part.y; k++) {
#for g in TN4
    let y{{g}} = b(s{{g}} + k * (p.rowB / 4u));
#endfor
#for i in TM4
    let x{{i}} = A[r{{i}} + k * (p.rowA / 4u)];
#for e in 4
#for g in TN4
    c{{i * 4 + e}}_{{g}} = fma(vec4f(x{{i}}[{{e}}]), y{{g}}, c{{i * 4 + e}}_{{g}});
#endfor
#endfor
#endfor
  }
#else
#for i in TM
  let r{{i}} = a0 + min(row + {{i}}u, p.M - 1u) * {{LINE_A}};
#endfor
#endif
#if NN_VEC
  let n4 = p.rowB / 4u;
  for (var k = part.x / 4u; k < part.y / 4u; k++) {
#for i in TM
    let x{{i}} = A[r{{i}} + k];
#endfor
#for g in TN4
    let at{{g}} = s{{g}} + k * p.rowB;
    let y{{g}} = mat4x4f(b(at{{g}}), b(at{{g}} + n4), b(at{{g}} + 2u * n4), b(at{{g}} + 3u * n4));
#for i in TM
    c{{i}}_{{g}} += y{{g}} * x{{i}};
#endfor
#endfor
  }
#endif
#if FOURS
#for i in TM
#for g in TN4
  put(row + {{i}}u, column + {{g * 4}}u, id.z, c{{i}}_{{g}});
#endfor
#endfor
#else
  for (var k = part.x / {{STEP}}u; k < part.y / {{STEP}}u; k++) {
#for i in TM
    let x{{i}} = A[r{{i}} + k * {{NEXT_A}}];
#endfor
#for j in TN
    let y{{j}} = b(s{{j}} + k * {{NEXT_B}});
#for i in TM
    c{{i}}_{{j}} += times(x{{i}}, y{{j}});
#endfor
#endfor
  }
#for i in TM
#for g in TN4
  put(row + {{i}}u, column + {{g * 4}}u, id.z, vec4f(c{{i}}_{{g * 4}}, c{{i}}_{{g * 4 + 1}}, c{{i}}_{{g * 4 + 2}}, c{{i}}_{{g * 4 + 3}}));
#endfor
#endfor
#endif
}
