// Second half of a matrix product whose K was split:  C = Σ_s partial[s] [+ D] [+ C]
//
// partial [batch * splits, size], C [batch, M, N] with size = M N (batches `batchC` elements apart, rows `rowC`, the
// first at `offsetC`); D has the same layout.
// Plan: one thread per element of C. Sums run in order of s, so the result does not depend on scheduling.

struct Params { grid: Grid, size: u32, splits: u32, batch: u32, batchC: u32, batchD: u32, N: u32, rowC: u32, offsetC: u32 }
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> C: array<f32>;
#if ADDEND
@group(0) @binding(3) var<storage, read> D: array<f32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = groupIndex(w) * 64u + local;
  if (index >= p.batch * p.size) { return; }
  let batch = index / p.size;
  let at = index % p.size;
  var sum = 0.0;
  for (var s = 0u; s < p.splits; s++) {
    sum += partials[(batch * p.splits + s) * p.size + at];
  }
  let place = p.offsetC + at / p.N * p.rowC + at % p.N;
#if ADDEND
  sum += D[batch * p.batchD + place];
#endif
#if ACCUMULATE
  sum += C[batch * p.batchC + place];
#endif
  C[batch * p.batchC + place] = sum;
}
