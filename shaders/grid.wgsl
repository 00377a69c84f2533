// Where a workgroup stands in the grid of its kernel. The device appends this to every kernel, whose parameters begin with
// `grid: Grid`.
//
// A call that takes too long for one submit is cut along its grid: every part starts some of the workgroups, and numbers
// them from 0. `origin` is where a part begins. A workgroup computes the same in every part, so the cuts change no value.

struct Grid { origin: vec3u, width: u32 }  // in workgroups; `width` is that of the whole grid, in x

// The place of a workgroup, by the number that it has within its part.
fn groupAt(group: vec3u) -> vec3u { return p.grid.origin + group; }

// The same as one number, row by row.
fn groupIndex(group: vec3u) -> u32 {
  let place = groupAt(group);
  return place.y * p.grid.width + place.x;
}
