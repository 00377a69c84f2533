// T5's relative position bias
//
//   bias[h, t] = table[bucket(t - Sq + 1 - position), h] by distance: [H, Sq + Sk - 1] from table [buckets, H];
//   entry t = j - i + Sq - 1 belongs to query i and key j
//   with PAIRS bias[h, i, j] with a bucket for every pair (i, j); one bucket hides j from i
// `buckets_of` is a table from the host: entry j - i + offset holds the bucket of that distance. So the bucket rule's
// logarithm is never computed in f32, where an off-by-one would change the model.
// position [1] is the index of the first query (generation); 0 in training.
//
// Plan: one thread per element of the result.

struct Params { grid: Grid, H: u32, Sq: u32, Sk: u32, offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> buckets_of: array<u32>;
#if PAIRS
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
#else
@group(0) @binding(3) var<storage, read> position: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

fn bucket(t: u32) -> u32 { return buckets_of[t + p.offset + 1u - p.Sq - position[0]]; }
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = groupIndex(w) * 64u + local;
#if PAIRS
  let pairs = p.Sq * p.Sk;
  if (at >= p.H * pairs) { return; }
  let b = buckets_of[at % pairs];
  out[at] = {{NONE}};
  if (b != {{HIDDEN}}u) { out[at] = table[b * p.H + at / pairs]; }
#else
  let distances = p.Sq + p.Sk - 1u;
  if (at >= p.H * distances) { return; }
  out[at] = table[bucket(at % distances) * p.H + at / distances];
#endif
}
