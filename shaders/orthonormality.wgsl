// The distance of S's columns from orthonormality, from the Gram matrices G = SᵀS of a stack
//
//   error[n] = max over i, j of |G[n][i][j] - d(i, j)|        G: [n, k, k], one after another
//   d(i, j)  = 1 if i = j and G[n][j][j] is not 0, else 0
//
// Columns of zeros pad the narrower spaces of a stack and must not count as errors, hence the condition.
//
// Plan: one workgroup of 64 per tensor, strided over the k² entries; each thread finds its largest error, and a tree the
// largest of all.
// Care: a maximum does not round. max() may drop NaN, so NaN counts as the largest float.

struct Params { grid: Grid, count: u32, k: u32 }
@group(0) @binding(1) var<storage, read> gram: array<f32>;
@group(0) @binding(2) var<storage, read_write> error: array<f32>;

const LARGEST = 3.4e38;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) w: vec3u, @builtin(local_invocation_index) local: u32) {
  let tensor = groupIndex(w);
  if (tensor >= p.count) { return; }
  let size = p.k * p.k;
  var largest = 0.0;
  for (var at = local; at < size; at += 64u) {
    let value = gram[tensor * size + at];
    let isDiagonal = at / p.k == at % p.k;
    let length = select(0.0, 1.0, value != 0.0);
    let off = abs(value - select(0.0, length, isDiagonal));
    largest = max(largest, select(LARGEST, off, off < LARGEST));
  }
  let all = largestOf(largest, local);
  if (local == 0u) { error[tensor] = all; }
}
