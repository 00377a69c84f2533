// Matrix product by subgroup broadcasts  C = alpha * op(A) op(B) [+ D] [+ C]      f32, row-major, batched
//
// Operands, layouts (NT, NN, TN), windows and parameters as in matmul.wgsl; PACKED too, but only with VEC.
//
// Plan: a workgroup is one subgroup of LANES threads and computes TM x (4 TG LANES) of C. Every lane holds TG groups of
// four adjacent columns for all TM rows in registers, unrolled. Each lane loads its own floats of A and broadcasts
// them: a float of A is loaded once per workgroup, without barriers or workgroup memory. This pays where loads are
// expensive, as on software adapters, which gather them lane by lane. In subgroups of four, the cheaper quad broadcast
// serves. Four steps of K form one matrix-vector product: compilers of software adapters then finish one sum after
// another, which needs few registers.
// VEC reads four floats at once, as in matmul.wgsl; VEC_C writes four: N, rowC and the offsets of C and D are multiples
// of 4. Without them floats are read and written one by one, at any index.
// Edges: rows beyond the end are clamped when read and not written; columns beyond the end are read unclamped and not
// written; k beyond the end meets a zero in A.
// Grid: x over column blocks, y over row blocks, z = batch.
// Care: LANES must be the device's only subgroup size, so the kernel is used only where the smallest and the largest
// size are equal, and where its results agree with matmul.wgsl's (tune.ts). f32 sums in order of K, 4 partial products
// at a time; the error bound is K eps |A||B|.

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) w: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let group = groupAt(w);
  let row = group.y * {{TM}}u;
  let column = (group.x * {{TG * LANES}}u + lane) * 4u;
  let a0 = p.offsetA + group.z * p.batchA;
  let b0 = p.offsetB + group.z * p.batchB;
#for i in TM
#for g in TG
  var c{{i}}_{{g}} = vec4f();
#endfor
#endfor
#for l in LOADS
#if TN_LAYOUT
  let r{{l}} = a0 + min(row + ({{l * LANES}}u + lane) * 4u, p.M - 1u);
#else
  let r{{l}} = a0 + min(row + {{l * LANES}}u + lane, p.M - 1u) * p.rowA;
#endif
#endfor
#for g in TG
#if NT_LAYOUT
#for j in 4
  let s{{g}}_{{j}} = b0 + min(column + {{g * LANES * 4 + j}}u, p.N - 1u) * p.rowB;
#endfor
#else
  let s{{g}} = b0 + min(column + {{g * LANES * 4}}u, p.N - 1u);
#endif
#endfor
  for (var k = 0u; k < p.K; k += 4u) {
#if NT_LAYOUT
#for g in TG
    let y{{g}} = mat4x4f(b4(s{{g}}_0 + k), b4(s{{g}}_1 + k), b4(s{{g}}_2 + k), b4(s{{g}}_3 + k));
#endfor
#else
    let k0 = k * p.rowB;
    // B has no rows beyond the last.
    let k1 = min(k + 1u, p.K - 1u) * p.rowB;
    let k2 = min(k + 2u, p.K - 1u) * p.rowB;
    let k3 = min(k + 3u, p.K - 1u) * p.rowB;
#for g in TG
    let y{{g}} = mat4x4f(b4(s{{g}} + k0), b4(s{{g}} + k1), b4(s{{g}} + k2), b4(s{{g}} + k3));
#endfor
#endif
#for l in LOADS
#if TN_LAYOUT
#for q in 4
#if TAIL
    let own{{l}}_{{q}} = select(vec4f(), a4(r{{l}} + min(k + {{q}}u, p.K - 1u) * p.rowA), k + {{q}}u < p.K);
#else
    let own{{l}}_{{q}} = a4(r{{l}} + (k + {{q}}u) * p.rowA);
#endif
#endfor
#for i in LENT
#for q in 4
    let x{{l}}_{{i}}_{{q}} = {{BROADCAST}}(own{{l}}_{{q}}, {{i}}u);
#endfor
#for e in 4
#for g in TG
    c{{l * LENT * 4 + i * 4 + e}}_{{g}} += y{{g}} * vec4f(x{{l}}_{{i}}_0[{{e}}], x{{l}}_{{i}}_1[{{e}}], x{{l}}_{{i}}_2[{{e}}], x{{l}}_{{i}}_3[{{e}}]);
#endfor
#endfor
#endfor
#else
#if TAIL
    let own{{l}} = select(vec4f(), a4(r{{l}} + k), vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(p.K));
#else
    let own{{l}} = a4(r{{l}} + k);
#endif
#for i in LENT
    let x{{l}}_{{i}} = {{BROADCAST}}(own{{l}}, {{i}}u);
#for g in TG
#if NT_LAYOUT
    c{{l * LENT + i}}_{{g}} += x{{l}}_{{i}} * y{{g}};
#else
    c{{l * LENT + i}}_{{g}} += y{{g}} * x{{l}}_{{i}};
#endif
#endfor
#endfor
#endif
#endfor
  }
#if VEC_C
#for i in TM
#for g in TG
  put(row + {{i}}u, column + {{g * LANES * 4}}u, group.z, c{{i}}_{{g}});
#endfor
#endfor
#else
  // One copy of the code writes every column: a copy for each takes seconds to compile.
  var sums: array<vec4f, {{TM * TG}}>;
#for i in TM
#for g in TG
  sums[{{i * TG + g}}] = c{{i}}_{{g}};
#endfor
#endfor
  for (var i = 0u; i < {{TM * TG}}u; i++) {
    put(row + i / {{TG}}u, column + i % {{TG}}u * {{LANES * 4}}u, group.z, sums[i]);
  }
#endif
}
