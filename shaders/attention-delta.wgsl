// Packs what attention's gradients read of every query and key into one buffer
//
//   back = lse_i and delta_i = do_i·o_i of every query, [N, H, 2], then the table of spans as floats
//
// do, o [N, H, d]: heads side by side. lse [N, H]. One buffer keeps attention within eight bindings.
// Plan: one thread per query and head, then one per number of the table.

// queries: of all heads; rest: numbers of the table.
struct Params { grid: Grid, d: u32, queries: u32, rest: u32 }
@group(0) @binding(1) var<storage, read> lse: array<f32>;
@group(0) @binding(2) var<storage, read> dout: array<{{T}}>;
@group(0) @binding(3) var<storage, read> o: array<{{T}}>;
@group(0) @binding(4) var<storage, read> table: array<u32>;
@group(0) @binding(5) var<storage, read_write> back: array<f32>;

#if SCALAR
fn product(a: f32, b: f32) -> f32 { return a * b; }
#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = groupIndex(w) * 64u + local;
  if (at >= p.queries + p.rest) { return; }
  if (at >= p.queries) {
    back[p.queries + at] = f32(table[at - p.queries]);
    return;
  }
  let width = p.d / {{LANES}}u;
  let row = at * width;
  var delta = 0.0;
  for (var e = 0u; e < width; e++) { delta += {{DOT}}(dout[row + e], o[row + e]); }
  back[2u * at] = lse[at];
  back[2u * at + 1u] = delta;
}
