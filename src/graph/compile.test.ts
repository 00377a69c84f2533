import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import { acquireTestDevice } from '../testing/devices.ts';
import { GraphUnderTest, idle } from '../testing/graphs.ts';
import { Arena } from './arena.ts';
import { compile, compileAll, liveOperations } from './compile.ts';
import { Graph } from './graph.ts';
import { add } from './ops/elementwise.ts';
import type { Tensor } from './tensor.ts';

let device: Device;
beforeAll(async () => {
  device = await acquireTestDevice();
});
afterAll(() => device.destroy());

describe('liveOperations', () => {
  it('includes what the roots need and what changes persistent tensors, in order', () => {
    const g = new Graph();
    const [a, b, unused, c, forEffect] = ['a', 'b', 'unused', 'c', 'for effect'].map((name) =>
      g.intermediate(name, [1]),
    );
    const one = idle([], [a]);
    const two = idle([a], [b]);
    const dead = idle([b], [unused]);
    const source = idle([], [forEffect]);
    const effect = idle([forEffect], [], { effect: true });
    const root = idle([b], [c]);
    for (const each of [one, two, dead, source, effect, root]) g.record(each);
    expect(liveOperations(g, [c])).toEqual([one, two, source, effect, root]);
    expect(liveOperations(g, [])).toEqual([source, effect]);
  });
});

describe('compile', () => {
  it('computes the same as the reference when memory is shared', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const random = seededRandom(seed);
      const inputs = { x: { shape: [40] }, y: { shape: [40] } };
      const test = new GraphUnderTest(inputs, (g, input) => {
        const tensors = [input('x'), input('y')];
        for (let i = 0; i < 30; i++) {
          const pick = (): Tensor => tensors[Math.max(0, tensors.length - 1 - random.below(6))];
          tensors.push(add(g, pick(), pick(), 0.5, -0.75));
        }
        return { early: tensors[7], middle: tensors[18], last: tensors[31] };
      });
      await test.checkDevice(device, 1e-6);
    }
  });

  it('gives programs that share memory the same, whichever needs most', async () => {
    const arena = new Arena(device, 'shared');
    const recordings = [4, 400, 40].map((size) => {
      const graph = new Graph();
      const x = graph.intermediate('x', [size]);
      graph.record(idle([], [x]));
      return { name: `of ${size}`, graph, roots: [x] };
    });
    const compiled = await compileAll(device, recordings, arena);
    const buffers = compiled.map((one, i) => one.rangeOf(recordings[i].roots[0]).buffer);
    expect(new Set(buffers).size).toBe(1);
    expect(buffers[0].bytes).toBe(1600);
    for (const one of compiled) one.destroy();
    arena.destroy();
  });

  it('leaves nothing allocated when the device cannot hold an intermediate', async () => {
    const g = new Graph();
    const small = g.intermediate('small', [16]);
    const huge = g.intermediate('huge', [device.limits.buffer / 4 + 4]);
    g.record(idle([], [small]));
    g.record(idle([small], [huge]));
    await expect(compile(device, 'too large', g, [huge])).rejects.toThrow(
      expect.objectContaining({ code: 'device/buffer-too-large' }),
    );
    expect(device.buffers.liveLabels).toEqual([]);
  });

  it('gives the range of its roots, not of tensors whose memory is reused', async () => {
    const g = new Graph();
    const [root, other] = ['root', 'other'].map((name) => g.intermediate(name, [5]));
    g.record(idle([], [root]));
    g.record(idle([], [other]));
    const compiled = await compile(device, 'places', g, [root]);
    expect(compiled.rangeOf(root)).toMatchObject({ offset: 0, bytes: 20 });
    expect(() => compiled.rangeOf(other)).toThrow('other is not computed by places');
    compiled.destroy();
    expect(device.buffers.liveLabels).toEqual([]);
  });
});
