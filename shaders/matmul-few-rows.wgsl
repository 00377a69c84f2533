// Matrix product of few rows  C = alpha * A Bᵀ [+ D] [+ C]      f32, row-major, batched
//
// Operands, windows and parameters as in matmul.wgsl, layout NT with VEC; PACKED too. For decoding, where nearly all
// time goes into reading B, once.
//
// Plan: a workgroup of 128 threads computes TM x TN of C. Thread t reads the groups of four of K t, t + 128, ... of
// all TM + TN rows, so neighbours read neighbouring groups, and sums all TM x TN products in registers, unrolled: V
// values of four columns. Then the 128 partial sums of every value are added through workgroup memory. First each
// thread adds four partial sums of every fourth value, which leaves 32; then 128 / V threads share a value.
// Parts of K as in matmul.wgsl. Edges: rows beyond the end are clamped when read and not written.
// Grid: x over column blocks, y over row blocks, z = batch * splits + split.
// Care: sums of 4 products at a time, in an order that the shape alone decides.

var<workgroup> sums: array<vec4f, 512>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) thread: u32) {
  let group = groupAt(w);
  let row = group.y * {{TM}}u;
  let column = group.x * {{TN}}u;
  let batch = batchOf(group.z);
  let part = partOfK(group.z) / 4u;
#for i in TM
  let r{{i}} = (p.offsetA + batch * p.batchA + min(row + {{i}}u, p.M - 1u) * p.rowA) / 4u;
#for j in TN
  var c{{i}}_{{j}} = 0.0;
#endfor
#endfor
#for j in TN
  let s{{j}} = (p.offsetB + batch * p.batchB + min(column + {{j}}u, p.N - 1u) * p.rowB) / 4u;
#endfor
  for (var k = part.x + thread; k < part.y; k += 128u) {
#for j in TN
    let y{{j}} = b(s{{j}} + k);
#endfor
#for i in TM
    let x{{i}} = A[r{{i}} + k];
#for j in TN
    c{{i}}_{{j}} += dot(x{{i}}, y{{j}});
#endfor
#endfor
  }
#for i in TM
#for g in TN4
  let v{{i * TN4 + g}} = vec4f(c{{i}}_{{g * 4}}, c{{i}}_{{g * 4 + 1}}, c{{i}}_{{g * 4 + 2}}, c{{i}}_{{g * 4 + 3}});
#endfor
#endfor
  let place = thread / 32u * 128u + thread % 32u;
#for f in V4
#for q in 4
  sums[{{q * 128}}u + thread] = v{{f * 4 + q}};
#endfor
  workgroupBarrier();
  let f{{f}} = sums[place] + sums[place + 32u] + sums[place + 64u] + sums[place + 96u];
  workgroupBarrier();
#endfor
  // Now value v has its 32 sums at 32 v.
#for f in V4
  sums[{{f * 128}}u + thread] = f{{f}};
#endfor
  workgroupBarrier();
  let first = thread / {{SHARE}}u * 32u + thread % {{SHARE}}u;
  var sum = sums[first];
#for q in REST
  sum += sums[first + {{q * SHARE + SHARE}}u];
#endfor
  workgroupBarrier();
  sums[thread] = sum;
  workgroupBarrier();
  if (thread < {{V}}u) {
    var value = sums[thread * {{SHARE}}u];
    for (var q = 1u; q < {{SHARE}}u; q++) { value += sums[thread * {{SHARE}}u + q]; }
    put(row + thread / {{TN4}}u, column + thread % {{TN4}}u * 4u, group.z, value);
  }
}
