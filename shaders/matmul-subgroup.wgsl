// Matrix product with operands handed from lane to lane  C = alpha * op(A) op(B) [+ D] [+ C]      f32, row-major, batched
//
// Operands, layouts (NT, NN, TN), windows and parameters as in matmul.wgsl. Contiguous sides, row lengths and offsets are
// multiples of four, N among them; PACKED as there.
//
// Plan: a workgroup is one subgroup of LANES threads and computes TM x (4 TG LANES) of C. Every lane keeps TG groups of four
// neighbouring columns for all TM rows in registers, unrolled. It loads four floats of A that no other lane loads, and all
// lanes get them by subgroupBroadcast: a float of A is loaded once for the whole workgroup, without a barrier or workgroup
// memory. That pays where loads are dear, as on software adapters, which gather them lane by lane.
// Edges: rows and columns beyond the end are clamped when read and not written.
// Grid: x over column blocks, y over row blocks, z = batch.
// Care: LANES must be the device's one and only subgroup size, so the kernel is used only where the smallest and the largest
// are the same, and where its numbers agree with those of matmul.wgsl (tune.ts). f32 sums in order of K, 4 partial products
// at a time; the error bound is K eps |A||B|.

struct Params {
  M: u32, N: u32, K: u32, splits: u32,
  batchA: u32, batchB: u32, batchC: u32, batchD: u32,  // elements from one batch to the next; 0 = shared
  alpha: f32,
  rowA: u32, offsetA: u32, offsetB: u32, rowC: u32, offsetC: u32, scalesB: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> A: array<vec4f>;
#if PACKED
fn b(i: u32) -> vec4f { return unpacked(i, p.scalesB); }
#else
@group(0) @binding(2) var<storage, read> B: array<vec4f>;
fn b(i: u32) -> vec4f { return B[i]; }
#endif
@group(0) @binding(3) var<storage, read_write> C: array<vec4f>;
#if ADDEND
@group(0) @binding(4) var<storage, read> D: array<vec4f>;
#endif

// Writes four neighbouring columns.
fn put(row: u32, column: u32, z: u32, values: vec4f) {
  if (row >= p.M || column >= p.N / 4u) { return; }
  let at = (p.offsetC + row * p.rowC) / 4u + column;
  var sum = p.alpha * values;
#if ADDEND
  sum += D[z * p.batchD / 4u + at];
#endif
#if ACCUMULATE
  sum += C[z * p.batchC / 4u + at];
#endif
  C[z * p.batchC / 4u + at] = sum;
}

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * {{TM}}u;
  let column = group.x * {{TG * LANES}}u + lane;  // in groups of four
  let a0 = (p.offsetA + group.z * p.batchA) / 4u;
  let b0 = (p.offsetB + group.z * p.batchB) / 4u;
#for i in TM
#for g in TG
  var c{{i}}_{{g}} = vec4f();
#endfor
#endfor
#for l in LOADS
#if TN_LAYOUT
  let r{{l}} = a0 + min(row / 4u + {{l * LANES}}u + lane, p.M / 4u - 1u);
#else
  let r{{l}} = a0 + min(row + {{l * LANES}}u + lane, p.M - 1u) * (p.rowA / 4u);
#endif
#endfor
#for g in TG
#if NT_LAYOUT
#for j in 4
  let s{{g}}_{{j}} = b0 + min((column + {{g * LANES}}u) * 4u + {{j}}u, p.N - 1u) * (p.K / 4u);
#endfor
#else
  let s{{g}} = b0 + min(column + {{g * LANES}}u, p.N / 4u - 1u);
#endif
#endfor
#if TN_LAYOUT
  for (var k = 0u; k < p.K; k++) {
#for g in TG
    let y{{g}} = b(s{{g}} + k * (p.N / 4u));
#endfor
#for l in LOADS
    let a{{l}} = A[r{{l}} + k * (p.rowA / 4u)];
#for q in LENT
    let x{{l}}_{{q}} = subgroupBroadcast(a{{l}}, {{q}}u);
#for e in 4
#for g in TG
    c{{l * LENT * 4 + q * 4 + e}}_{{g}} = fma(vec4f(x{{l}}_{{q}}[{{e}}]), y{{g}}, c{{l * LENT * 4 + q * 4 + e}}_{{g}});
#endfor
#endfor
#endfor
#endfor
  }
#else
  for (var k = 0u; k < p.K / 4u; k++) {
#if NT_LAYOUT
#for g in TG
    let y{{g}} = mat4x4f(b(s{{g}}_0 + k), b(s{{g}}_1 + k), b(s{{g}}_2 + k), b(s{{g}}_3 + k));
#endfor
#else
#for q in 4
#for g in TG
    let y{{q}}_{{g}} = b(s{{g}} + (k * 4u + {{q}}u) * (p.N / 4u));
#endfor
#endfor
#endif
#for l in LOADS
    let a{{l}} = A[r{{l}} + k];
#for i in LENT
    let x{{l}}_{{i}} = subgroupBroadcast(a{{l}}, {{i}}u);
#for g in TG
#if NT_LAYOUT
    c{{l * LENT + i}}_{{g}} += x{{l}}_{{i}} * y{{g}};
#else
#for q in 4
    c{{l * LENT + i}}_{{g}} = fma(vec4f(x{{l}}_{{i}}[{{q}}]), y{{q}}_{{g}}, c{{l * LENT + i}}_{{g}});
#endfor
#endif
#endfor
#endfor
#endfor
  }
#endif
#for i in TM
#for g in TG
  put(row + {{i}}u, column + {{g * LANES}}u, group.z, c{{i}}_{{g}});
#endfor
#endfor
}
