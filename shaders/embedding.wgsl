// Embedding  y[r] = table[ids[r]], and its gradient  dtable[id] = Σ over rows r with ids[r] = id of dy[r]
//
// table [vocabulary, columns], ids [rows], y [rows, columns]. The bound table may start at row `first` and hold only
// some rows: a row of y whose id is not among them stays as it is. PACKED: stored as described in
// `shaders/packed.wgsl`.
// Plan: one thread per element of the result, or per four where rows of f32 are multiples of four. For each element the
// gradient walks over all rows in order: slow for a vocabulary, but without atomics and the same on every run. Every
// method here freezes embeddings, so it serves the few tokens that predict a label, and seq-ft of whole models.

struct Params { grid: Grid, rows: u32, columns: u32, vocabulary: u32, first: u32, scales: u32 } // columns: groups of four if T is vec4f
#if PACKED
fn value_at(i: u32) -> f32 { return unpacked(i / 4u, p.scales)[i % 4u]; }
#else
@group(0) @binding(1) var<storage, read> source: array<{{T}}>; // table, or dy
fn value_at(i: u32) -> {{T}} { return source[i]; }
#endif
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<{{T}}>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let at = groupIndex(w) * 64u + local;
  let column = at % p.columns;
#if GRADIENT
  if (at >= p.vocabulary * p.columns) { return; }
  let id = at / p.columns;
  var sum = {{T}}();
  for (var r = 0u; r < p.rows; r++) {
    if (ids[r] == id) { sum += value_at(r * p.columns + column); }
  }
  out[at] = sum;
#else
  if (at >= p.rows * p.columns) { return; }
  let row = ids[at / p.columns] - p.first; // wraps around if the id is smaller
  if (row < p.vocabulary) { out[at] = value_at(row * p.columns + column); }
#endif
}
