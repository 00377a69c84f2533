// Small steps of greedy generation, on the GPU
//
//   APPEND_KV  keys[places[b] + position] = k[b], values[places[b] + position] = v[b]
//              keys, values [M, columns]; k, v [B, columns]
//   NEXT       tokens[b, position + 1] = done[b] ? pad : best[b];  done[b] |= best[b] in ENDS;  remaining: rows left
//              current[b] = that token, the input of the next step;  position += 1
// `position` [1] is the index of the token being read.
//
// Plan: APPEND_KV one thread per element of k and of v; NEXT one workgroup, since it also counts the rows that are left.

struct Params { grid: Grid, B: u32, columns: u32, capacity: u32, pad: u32 }
#if APPEND_KV
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;
@group(0) @binding(4) var<storage, read> position: array<u32>;
@group(0) @binding(5) var<storage, read_write> keys: array<f32>;
@group(0) @binding(6) var<storage, read_write> values: array<f32>;
#else
@group(0) @binding(1) var<storage, read> best: array<u32>;
@group(0) @binding(2) var<storage, read_write> position: array<u32>;
@group(0) @binding(3) var<storage, read_write> current: array<u32>;
@group(0) @binding(4) var<storage, read_write> done: array<u32>;
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(6) var<storage, read_write> remaining: array<u32>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
#if APPEND_KV
  let at = groupIndex(w) * 64u + local;
  if (at >= p.B * p.columns) { return; }
  let place = (places[at / p.columns] + position[0]) * p.columns + at % p.columns;
  keys[place] = k[at];
  values[place] = v[at];
#else
  let at = position[0];
  var open = 0u;
  for (var b = local; b < p.B; b += 64u) {
    let token = select(best[b], p.pad, done[b] != 0u);
    if ({{ENDS}}) { done[b] = 1u; }
    if (done[b] == 0u) { open++; }
    current[b] = token;
    tokens[b * p.capacity + at + 1u] = token;
  }
  open = sumOfAll(open, local); // by now every thread has read the position
  if (local == 0u) {
    remaining[0] = open;
    position[0] = at + 1u;
  }
#endif
}
