// Inverted dropout  y = x * keep / (1 - rate) [+ d],  keep ~ Bernoulli(1 - rate)
//
// x, y: `size` elements. `step` [1] changes with every optimizer step; `salt` differs between layers. The mask depends
// on (step, salt, index) alone, so the gradient is the same kernel applied to dy, and nothing is stored.
//
// Plan: one thread per element. PCG-style hash (Jarzynski & Olano 2020), three rounds over the three words.

struct Params { grid: Grid, size: u32, salt: u32, rate: f32 }
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> step: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
#if ADDEND
@group(0) @binding(4) var<storage, read> d: array<f32>;
#endif

fn hash(word: u32) -> u32 {
  let state = word * 747796405u + 2891336453u;
  let mixed = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (mixed >> 22u) ^ mixed;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = groupIndex(w) * 64u + local;
  if (i >= p.size) { return; }
  let random = hash(i ^ hash(p.salt ^ hash(step[0])));
  // 24 bits: exactly representable in f32, uniform in [0, 1).
  let uniform = f32(random >> 8u) * (1.0 / 16777216.0);
  var kept = select(x[i] / (1.0 - p.rate), 0.0, uniform < p.rate);
#if ADDEND
  kept += d[i];
#endif
  y[i] = kept;
}
