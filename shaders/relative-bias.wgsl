// T5's relative position bias by distance: bias[h, t] = table[bucket t, h], [H, distances] from table [buckets, H]
//
// The host writes the bucket of every distance, so the bucket rule's logarithm is never computed in f32, where an
// off-by-one would change the model.
//
// Plan: one thread per element of the result.

struct Params { grid: Grid, H: u32, distances: u32 }
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> buckets: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = groupIndex(w) * 64u + local;
  if (at >= p.H * p.distances) { return; }
  out[at] = table[buckets[at % p.distances] * p.H + at / p.distances];
}
