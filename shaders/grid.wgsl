// The parameters of a kernel, and the position of a workgroup in its grid. The device appends this file to every kernel,
// whose `struct Params` begins with `grid: Grid`.
//
// The device cuts a call that takes too long for one submit along its grid. Each part starts some of the workgroups,
// numbered from 0, at `origin`. A workgroup computes the same in every part, so cutting changes no value.

#if IMMEDIATE
var<immediate> p: Params;
#else
@group(0) @binding(0) var<uniform> p: Params;
#endif

struct Grid { origin: vec3u, width: u32 }  // in workgroups; `width`: of the whole grid, in x

// The position of a workgroup in the whole grid, from its number within the part.
fn groupAt(group: vec3u) -> vec3u { return p.grid.origin + group; }

// The same position as one number, row by row.
fn groupIndex(group: vec3u) -> u32 {
  let place = groupAt(group);
  return place.y * p.grid.width + place.x;
}
