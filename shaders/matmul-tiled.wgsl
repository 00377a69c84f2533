// Matrix product through workgroup memory  C = alpha * op(A) op(B) [+ D] [+ C]      f32, row-major, batched
//
// Operands, layouts (NT, NN, TN) and parameters as in matmul.wgsl, any size.
//
// Plan: a workgroup of WX x WY threads computes a block of BM x BN = TM WY x TN WX. BK rows or columns of K at a time
// are copied into workgroup memory, four floats at once along the contiguous side, and every thread sums its TM x TN
// tile in registers, unrolled. So a float from memory serves at least 64 products. Thread x owns the column groups of
// four x, x + WX, ...: adjacent threads write adjacent groups.
// VEC reads storage as vec4f if the contiguous sides are multiples of 4; otherwise four floats one by one.
// Edges: rows and columns beyond the end are clamped when read and not written; k beyond the end reads zero in A.
// Grid: x over column blocks, y over row blocks, z = batch.
// TYPE_A, TYPE_B: vec4h stores the operand in workgroup memory as f16, which halves its size; products and sums are
// f32.
// Care: f32 sums in order of K, 4 partial products at a time; the error bound is K eps |A||B|.

#if VEC
@group(0) @binding(1) var<storage, read> A: array<vec4f>;
@group(0) @binding(2) var<storage, read> B: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> A: array<f32>;
@group(0) @binding(2) var<storage, read> B: array<f32>;
#endif
var<workgroup> blockA: array<{{TYPE_A}}, {{BM * BK4}}>;  // NT, NN: [BM][BK / 4]; TN: [BK][BM / 4]
var<workgroup> blockB: array<{{TYPE_B}}, {{BN * BK4}}>;  // NT: [BN][BK / 4]; NN, TN: [BK][BN / 4]

// Four adjacent elements of a row-major matrix with rows of `width`, from `row` and `column`; both are clamped.
fn fourOfA(start: u32, row: u32, rows: u32, column: u32, width: u32) -> vec4f {
  let r = min(row, rows - 1u);
#if VEC
  return A[(start + r * width + min(column, width - 4u)) / 4u];
#else
  let first = start + r * width;
  let last = width - 1u;
  return vec4f(A[first + min(column, last)], A[first + min(column + 1u, last)], A[first + min(column + 2u, last)], A[first + min(column + 3u, last)]);
#endif
}
fn fourOfB(start: u32, row: u32, rows: u32, column: u32, width: u32) -> vec4f {
  let r = min(row, rows - 1u);
#if VEC
  return B[(start + r * width + min(column, width - 4u)) / 4u];
#else
  let first = start + r * width;
  let last = width - 1u;
  return vec4f(B[first + min(column, last)], B[first + min(column + 1u, last)], B[first + min(column + 2u, last)], B[first + min(column + 3u, last)]);
#endif
}

@compute @workgroup_size({{WX}}, {{WY}})
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let group = groupAt(w);
  let row0 = group.y * {{BM}}u;
  let column0 = group.x * {{BN}}u;
  let startA = group.z * p.batchA;
  let startB = group.z * p.batchB;
#for i in TM
#for g in TN4
  var c{{i}}_{{g}} = vec4f();
#endfor
#endfor
  for (var k0 = 0u; k0 < p.K; k0 += {{BK4 * 4}}u) {
#for q in LOADS_A
    {
      let e = thread + {{q * WX * WY}}u;
#if TN_LAYOUT
      let k = k0 + e / {{BM4}}u;
      let four = fourOfA(startA, k, p.K, row0 + e % {{BM4}}u * 4u, p.M);
      blockA[e] = {{KEEP_A}}(select(vec4f(), four, k < p.K));
#else
      let k = k0 + e % {{BK4}}u * 4u;
      let four = fourOfA(startA, row0 + e / {{BK4}}u, p.M, k, p.K);
      blockA[e] = {{KEEP_A}}(select(vec4f(), four, vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(p.K)));
#endif
    }
#endfor
#for q in LOADS_B
    {
      let e = thread + {{q * WX * WY}}u;
#if NT_LAYOUT
      blockB[e] = {{KEEP_B}}(fourOfB(startB, column0 + e / {{BK4}}u, p.N, k0 + e % {{BK4}}u * 4u, p.K));
#else
      blockB[e] = {{KEEP_B}}(fourOfB(startB, k0 + e / {{BN4}}u, p.K, column0 + e % {{BN4}}u * 4u, p.N));
#endif
    }
#endfor
    workgroupBarrier();
#if TN_LAYOUT
    for (var k = 0u; k < {{BK4 * 4}}u; k++) {
#for g in TN4
      let y{{g}} = vec4f(blockB[k * {{BN4}}u + local.x + {{g * WX}}u]);
#endfor
#for i in TM4
      let x{{i}} = vec4f(blockA[k * {{BM4}}u + local.y * {{TM4}}u + {{i}}u]);
#for e in 4
#for g in TN4
      c{{i * 4 + e}}_{{g}} = fma(vec4f(x{{i}}[{{e}}]), y{{g}}, c{{i * 4 + e}}_{{g}});
#endfor
#endfor
#endfor
    }
#else
    for (var k = 0u; k < {{BK4}}u; k++) {
#for i in TM
      let x{{i}} = vec4f(blockA[(local.y * {{TM}}u + {{i}}u) * {{BK4}}u + k]);
#endfor
#if NT_LAYOUT
#for g in TN4
      let y{{g}} = mat4x4f(
        vec4f(blockB[((local.x + {{g * WX}}u) * 4u) * {{BK4}}u + k]),
        vec4f(blockB[((local.x + {{g * WX}}u) * 4u + 1u) * {{BK4}}u + k]),
        vec4f(blockB[((local.x + {{g * WX}}u) * 4u + 2u) * {{BK4}}u + k]),
        vec4f(blockB[((local.x + {{g * WX}}u) * 4u + 3u) * {{BK4}}u + k]),
      );
#for i in TM
      c{{i}}_{{g}} += x{{i}} * y{{g}};
#endfor
#endfor
#else
#for q in 4
#for g in TN4
      let y{{q}}_{{g}} = vec4f(blockB[(k * 4u + {{q}}u) * {{BN4}}u + local.x + {{g * WX}}u]);
#for i in TM
      c{{i}}_{{g}} = fma(vec4f(x{{i}}[{{q}}]), y{{q}}_{{g}}, c{{i}}_{{g}});
#endfor
#endfor
#endfor
#endif
    }
#endif
    workgroupBarrier();
  }
#for i in TM
#for g in TN4
  put(row0 + local.y * {{TM}}u + {{i}}u, column0 + (local.x + {{g * WX}}u) * 4u, group.z, c{{i}}_{{g}});
#endfor
#endfor
}
