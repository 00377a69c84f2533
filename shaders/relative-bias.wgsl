// T5's relative position bias  bias[h, i, j] = table[bucket(j - (i + position)), h], and its gradient
//
//   FORWARD   bias [H, Sq, Sk] from table [buckets, H]
//   PAIRS     the same, with a bucket for every pair (i, j); one bucket hides j from i
//   GRADIENT  dtable[bucket, h] = Σ over (i, j) in that bucket of dbias[h, i, j]
// `buckets_of` [Sq + Sk ...] is a table from the host: entry j - i + offset holds the bucket of that distance. So the
// bucket rule's logarithm is never computed in f32, where an off-by-one would change the model.
// position [1] is the index of the first query (generation); 0 in training.
//
// Plan: FORWARD one thread per element of bias; GRADIENT one thread per element of the table, which walks over (i, j).

struct Params { grid: Grid, H: u32, Sq: u32, Sk: u32, buckets: u32, offset: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>; // table, or dbias
@group(0) @binding(2) var<storage, read> buckets_of: array<u32>;
#if PAIRS
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
#else
@group(0) @binding(3) var<storage, read> position: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
#endif

fn bucket(i: u32, j: u32) -> u32 {
#if PAIRS
  return buckets_of[i * p.Sk + j];
#else
  return buckets_of[j + p.offset - i - position[0]];
#endif
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) w: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let at = groupIndex(w) * 64u + local;
#if GRADIENT
  if (at >= p.buckets * p.H) { return; }
  let wanted = at / p.H;
  let h = at % p.H;
  var sum = 0.0;
  for (var i = 0u; i < p.Sq; i++) {
    for (var j = 0u; j < p.Sk; j++) {
      if (bucket(i, j) == wanted) { sum += source[(h * p.Sq + i) * p.Sk + j]; }
    }
  }
  out[at] = sum;
#else
  if (at >= p.H * p.Sq * p.Sk) { return; }
  let j = at % p.Sk;
  let i = at / p.Sk % p.Sq;
  let h = at / (p.Sk * p.Sq);
  let b = bucket(i, j);
#if PAIRS
  if (b == {{HIDDEN}}u) {
    out[at] = {{NONE}};
    return;
  }
#endif
  out[at] = source[b * p.H + h];
#endif
}
