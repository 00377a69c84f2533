// Matrix product through workgroup memory  C = alpha * op(A) op(B) [+ D] [+ C]      f32, row-major, batched
//
// Operands, layouts (NT, NN, TN), windows and parameters as in matmul.wgsl, any size; PACKED too, but only with VEC.
//
// Plan: a workgroup of 8 x WY threads computes a block of 64 x 64. 16 steps of K at a time are copied into workgroup
// memory, where both operands lie by k: [16][64 / 4] groups of four, 8 KiB in all. Packed values are unpacked on the
// way, once per block. An operand with rows along K is copied in patches of 4 x 4, transposed in registers. Every
// thread sums its tile of TM = 64 / WY rows and 8 columns in registers, unrolled. Thread x owns the column groups of
// four x and x + 8: adjacent threads read and write adjacent groups.
// Groups are swizzled within eight, the width of the memory's banks, so that neither patches nor rows meet in a bank.
// VEC reads storage as vec4f if rows begin at multiples of 4; otherwise four floats one by one.
// Parts of K as in matmul.wgsl.
// Edges: rows and columns beyond the end are read as they are and not written; k beyond the end is zero in both.
// Grid: x over column blocks, y over row blocks, z = batch * splits + split.
// TYPE_A, TYPE_B: vec4h stores the operand in workgroup memory as f16, which halves its size; products and sums are
// f32.
// Care: f32 sums in order of K; the error bound is K eps |A||B|.

var<workgroup> blockA: array<{{TYPE_A}}, 256>;
var<workgroup> blockB: array<{{TYPE_B}}, 256>;

@compute @workgroup_size(8, {{WY}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let thread = local.y * 8u + local.x;
  let group = groupAt(w);
  let row0 = group.y * 64u;
  let column0 = group.x * 64u;
  let startA = p.offsetA + batchOf(group.z) * p.batchA;
  let startB = p.offsetB + batchOf(group.z) * p.batchB;
  let part = partOfK(group.z);
#for i in TM
#for g in 2
  var c{{i}}_{{g}} = vec4f();
#endfor
#endfor
  for (var k0 = part.x; k0 < part.y; k0 += 16u) {
#if TN_LAYOUT
    for (var e = thread; e < 256u; e += {{WY * 8}}u) {
      let k = e / 16u;
      let four = a4(startA + (k0 + k) * p.rowA + row0 + e % 16u * 4u);
      blockA[e ^ (k / 4u * 2u)] = {{KEEP_A}}(select(vec4f(), four, k0 + k < part.y));
    }
#else
    for (var e = thread; e < 64u; e += {{WY * 8}}u) {
      let k = e % 4u * 4u;
      let inside = k0 + k + vec4u(0u, 1u, 2u, 3u) < vec4u(part.y);
#for q in 4
      let x{{q}} = select(vec4f(), a4(startA + (row0 + e / 4u * 4u + {{q}}u) * p.rowA + k0 + k), inside);
#endfor
#for q in 4
      blockA[((k + {{q}}u) * 16u + e / 4u) ^ (k / 2u)] = {{KEEP_A}}(vec4f(x0[{{q}}], x1[{{q}}], x2[{{q}}], x3[{{q}}]));
#endfor
    }
#endif
#if NT_LAYOUT
    for (var e = thread; e < 64u; e += {{WY * 8}}u) {
      let k = e % 4u * 4u;
      let inside = k0 + k + vec4u(0u, 1u, 2u, 3u) < vec4u(part.y);
#for q in 4
      let y{{q}} = select(vec4f(), b4(startB + (column0 + e / 4u * 4u + {{q}}u) * p.rowB + k0 + k), inside);
#endfor
#for q in 4
      blockB[((k + {{q}}u) * 16u + e / 4u) ^ (k / 2u)] = {{KEEP_B}}(vec4f(y0[{{q}}], y1[{{q}}], y2[{{q}}], y3[{{q}}]));
#endfor
    }
#else
    for (var e = thread; e < 256u; e += {{WY * 8}}u) {
      let k = e / 16u;
      let four = b4(startB + (k0 + k) * p.rowB + column0 + e % 16u * 4u);
      blockB[e ^ (k / 4u * 2u)] = {{KEEP_B}}(select(vec4f(), four, k0 + k < part.y));
    }
#endif
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let swizzle = k / 4u * 2u;
#for g in 2
      let y{{g}} = vec4f(blockB[(k * 16u + local.x + {{g * 8}}u) ^ swizzle]);
#endfor
#for i in TM4
      let x{{i}} = vec4f(blockA[(k * 16u + local.y * {{TM4}}u + {{i}}u) ^ swizzle]);
#for e in 4
#for g in 2
      c{{i * 4 + e}}_{{g}} = fma(vec4f(x{{i}}[{{e}}]), y{{g}}, c{{i * 4 + e}}_{{g}});
#endfor
#endfor
#endfor
    }
    workgroupBarrier();
  }
#for i in TM
#for g in 2
  put(row0 + local.y * {{TM}}u + {{i}}u, column0 + (local.x + {{g * 8}}u) * 4u, group.z, c{{i}}_{{g}});
#endfor
#endfor
}
