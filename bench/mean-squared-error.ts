import { flatWorkgroups, type Kernel, u32 } from '../src/device/kernel.ts';
import { type Graph, present } from '../src/graph/graph.ts';
import { sizeOf, type Tensor } from '../src/graph/tensor.ts';

const HEAD = `
struct Params { size: u32, groups: u32 }
@group(0) @binding(0) var<uniform> p: Params;
`;
// One thread per 64 neighbouring elements, then one for all partial sums.
const PARTIAL: Kernel = {
  name: 'bench/squared-error',
  wgsl: () => `${HEAD}
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> goal: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= p.groups) { return; }
  var sum = 0.0;
  for (var i = id.x * 64u; i < min(p.size, id.x * 64u + 64u); i++) { sum += (y[i] - goal[i]) * (y[i] - goal[i]); }
  parts[id.x] = sum;
}`,
};
const TOTAL: Kernel = {
  name: 'bench/mean',
  wgsl: () => `${HEAD}
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@compute @workgroup_size(1) fn main() {
  var sum = 0.0;
  for (var i = 0u; i < p.groups; i++) { sum += parts[i]; }
  loss[0] = sum / f32(p.size);
}`,
};
const GRADIENT: Kernel = {
  name: 'bench/squared-error-gradient',
  wgsl: () => `${HEAD}
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> goal: array<f32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dy: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.size) { dy[id.x] = 2.0 * dloss[0] * (y[id.x] - goal[id.x]) / f32(p.size); }
}`,
};

/**
 * mean((y − goal)²): the loss of the measured block, which no model of this project has.
 *
 * @param loss persistent [1].
 */
export function meanSquaredError(g: Graph, y: Tensor, goal: Tensor, loss: Tensor): Tensor {
  const size = sizeOf(y.shape);
  const groups = Math.ceil(size / 64);
  const params = [u32(size), u32(groups)];
  return g.record({
    name: 'mean squared error',
    inputs: [y, goal],
    outputs: [loss],
    scratch: () => [groups],
    effect: true,
    calls: (_, scratch) => {
      const [parts] = present(scratch);
      return [
        { kernel: PARTIAL, params, tensors: [y, goal, parts], workgroups: flatWorkgroups(groups, 64) },
        { kernel: TOTAL, params, tensors: [parts, loss], workgroups: [1, 1, 1] },
      ];
    },
    twin: (value) => {
      let sum = 0;
      value(y).forEach((v, i) => (sum += (v - value(goal)[i]) ** 2));
      value(loss)[0] = sum / size;
    },
    gradient: ([dloss]) => {
      if (dloss === undefined) return [];
      const dy = g.intermediate('d y', y.shape);
      g.record({
        name: 'mean squared error gradient',
        inputs: [y, goal, dloss],
        outputs: [dy],
        calls: () => [
          { kernel: GRADIENT, params, tensors: [y, goal, dloss, dy], workgroups: flatWorkgroups(size, 64) },
        ],
        twin: (value) =>
          value(y).forEach((v, i) => (value(dy)[i] = (2 * value(dloss)[0] * (v - value(goal)[i])) / size)),
      });
      return [dy];
    },
  });
}
