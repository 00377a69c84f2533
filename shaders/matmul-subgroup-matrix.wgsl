// Matrix product with subgroup matrices  C = alpha * op(A) op(B) [+ D] [+ C]      row-major, batched
//
// Operands, layouts (NT, NN, TN), windows and parameters as in matmul.wgsl; PACKED too, but only with VEC. Sums are
// f32; operands are f32 or rounded to f16 when read, depending on the device's matrices (SM x SK times SK x SN).
//
// Plan: a workgroup of SUBGROUPS subgroups, SX of them side by side, computes a block of BM x BN. BK rows or columns of
// K at a time are copied into workgroup memory, four floats at once with VEC. Lines are STRIDE_A and STRIDE_B apart, a
// few floats longer than their content, so adjacent elements of a column lie in different banks. Each subgroup
// multiplies TM x TN of its matrices; the sums stay in the matrix hardware. At the end they pass through workgroup
// memory, TN at a time, where addends are added and edges cut off.
// VEC: reads begin at multiples of 4; without it floats are read one by one, at any index.
// Edges: rows and columns beyond the end are read as they are and not written; k beyond the end is zero in both.
// Grid: x over column blocks, y over row blocks, z = batch.
// Care: LANES must be the device's only subgroup size. The hardware's rounding is not specified, so the kernel is used
// only where its results agree with matmul.wgsl's (tune.ts). product.wgsl says what rounding to f16 costs.

alias Left = subgroup_matrix_left<{{TYPE}}, {{SK}}, {{SM}}>;  // columns, rows
alias Right = subgroup_matrix_right<{{TYPE}}, {{SN}}, {{SK}}>;
alias Sums = subgroup_matrix_result<f32, {{SN}}, {{SM}}>;

var<workgroup> blockA: array<{{TYPE}}, {{LINES_A * STRIDE_A}}>;  // NT, NN: [BM][BK]; TN: [BK][BM]
var<workgroup> blockB: array<{{TYPE}}, {{LINES_B * STRIDE_B}}>;  // NT: [BN][BK]; NN, TN: [BK][BN]
var<workgroup> finished: array<f32, {{SUBGROUPS * SM * TN * SN}}>;  // per subgroup [SM][TN SN]

@compute @workgroup_size({{SUBGROUPS * LANES}})
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let group = groupAt(w);
  let row0 = group.y * {{BM}}u;
  let column0 = group.x * {{BN}}u;
  let startA = p.offsetA + group.z * p.batchA;
  let startB = p.offsetB + group.z * p.batchB;
  // This subgroup's part of the block.
  let ownRow = subgroup / {{SX}}u * {{TM * SM}}u;
  let ownColumn = subgroup % {{SX}}u * {{TN * SN}}u;
#for i in TM
#for j in TN
  var c{{i}}_{{j}} = Sums();
#endfor
#endfor
  for (var k0 = 0u; k0 < p.K; k0 += {{BK}}u) {
    for (var e = thread; e < {{LINES_A * FOURS_A}}u; e += {{SUBGROUPS * LANES}}u) {
      let line = e / {{FOURS_A}}u;
      let column = e % {{FOURS_A}}u * 4u;
#if TN_LAYOUT
      let k = vec4u(k0 + line);
      let read = a4(startA + k.x * p.rowA + row0 + column);
#else
      let k = k0 + column + vec4u(0u, 1u, 2u, 3u);
      let read = a4(startA + (row0 + line) * p.rowA + k.x);
#endif
      let four = {{KEPT}}(select(vec4f(), read, k < vec4u(p.K)));
#for q in 4
      blockA[line * {{STRIDE_A}}u + column + {{q}}u] = four[{{q}}];
#endfor
    }
    for (var e = thread; e < {{LINES_B * FOURS_B}}u; e += {{SUBGROUPS * LANES}}u) {
      let line = e / {{FOURS_B}}u;
      let column = e % {{FOURS_B}}u * 4u;
#if NT_LAYOUT
      let k = k0 + column + vec4u(0u, 1u, 2u, 3u);
      let read = b4(startB + (column0 + line) * p.rowB + k.x);
#else
      let k = vec4u(k0 + line);
      let read = b4(startB + k.x * p.rowB + column0 + column);
#endif
      let four = {{KEPT}}(select(vec4f(), read, k < vec4u(p.K)));
#for q in 4
      blockB[line * {{STRIDE_B}}u + column + {{q}}u] = four[{{q}}];
#endfor
    }
    workgroupBarrier();
    for (var k = 0u; k < {{BK}}u; k += {{SK}}u) {
#for i in TM
#if TN_LAYOUT
      let x{{i}} = subgroupMatrixLoad<Left, col_major>(&blockA, k * {{STRIDE_A}}u + ownRow + {{i * SM}}u, {{STRIDE_A}}u);
#else
      let x{{i}} = subgroupMatrixLoad<Left, row_major>(&blockA, (ownRow + {{i * SM}}u) * {{STRIDE_A}}u + k, {{STRIDE_A}}u);
#endif
#endfor
#for j in TN
#if NT_LAYOUT
      let y{{j}} = subgroupMatrixLoad<Right, col_major>(&blockB, (ownColumn + {{j * SN}}u) * {{STRIDE_B}}u + k, {{STRIDE_B}}u);
#else
      let y{{j}} = subgroupMatrixLoad<Right, row_major>(&blockB, k * {{STRIDE_B}}u + ownColumn + {{j * SN}}u, {{STRIDE_B}}u);
#endif
#for i in TM
      c{{i}}_{{j}} = subgroupMatrixMultiplyAccumulate(x{{i}}, y{{j}}, c{{i}}_{{j}});
#endfor
#endfor
    }
    workgroupBarrier();
  }
  let own = subgroup * {{SM * TN * SN}}u;
#for i in TM
#for j in TN
  subgroupMatrixStore<row_major>(&finished, own + {{j * SN}}u, c{{i}}_{{j}}, {{TN * SN}}u);
#endfor
  workgroupBarrier();
  for (var e = lane; e < {{SM * FOURS_C}}u; e += {{LANES}}u) {
    let at = own + e * 4u;
    let four = vec4f(finished[at], finished[at + 1u], finished[at + 2u], finished[at + 3u]);
    put(row0 + ownRow + {{i * SM}}u + e / {{FOURS_C}}u, column0 + ownColumn + e % {{FOURS_C}}u * 4u, group.z, four);
  }
  workgroupBarrier();
#endfor
}
