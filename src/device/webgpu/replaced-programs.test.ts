import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GorpError } from '../../base/errors.ts';
import { Arena } from '../../graph/arena.ts';
import { type Compiled, compile } from '../../graph/compile.ts';
import { Graph } from '../../graph/graph.ts';
import { matmul } from '../../graph/ops/matmul.ts';
import { openStrictGpu, type StrictGpu } from '../../testing/strict-gpu.ts';
import { wholeOf } from '../buffers.ts';
import { plainProduct } from '../matmul-shape.ts';
import { type MatmulVariant, planVariant, shapeClass, startVariant } from './kernels/matmul-variants.ts';
import { WebGpuDevice } from './webgpu-device.ts';

const [M, N, K] = [70, 64, 33];
const SHAPE = plainProduct('nt', M, N, K);
const CARD = { isSoftware: false };
const CLASS = shapeClass(SHAPE, CARD) ?? '';
const START = startVariant(SHAPE, CARD);
const nameOf = (variant: MatmulVariant): string => planVariant(SHAPE, variant, CARD).kernel.name;

let strict: StrictGpu;
let device: WebGpuDevice;
let arena: Arena;
beforeEach(async () => {
  strict = await openStrictGpu();
  device = new WebGpuDevice(strict.gpu);
  arena = new Arena(device, 'gradients');
});

/** A product of class {@link CLASS} whose result is in the arena. */
async function product(name: string): Promise<Compiled> {
  const g = new Graph();
  const [a, b] = [M, N].map((rows) => {
    const storage = wholeOf(device.buffers.storage(`operand of ${name}`, rows * K * 4));
    return g.persistent('operand', [rows, K], { storage });
  });
  return compile(device, name, g, [matmul(g, a, b, { layout: 'nt' })], arena);
}

/** Makes room in the arena for a program with larger intermediates, which destroys the buffers of earlier programs. */
function giveMemoryAway(): void {
  const { version } = arena;
  arena.take([2 * M * N * 4]);
  expect(arena.version).toBeGreaterThan(version);
}

const choose = async (): Promise<void> => {
  device.gpu.tuning.choose(CLASS, 'block');
  await device.gpu.tuning.settled();
};

const run = async ({ program }: Compiled): Promise<void> => device.run([program]);

/** Expects that the device has refused nothing. */
function expectNothingRefused(): void {
  expect(strict.refused).toEqual([]);
  expect(() => device.check()).not.toThrow();
}

describe('a program whose kernels are replaced', () => {
  it('runs with the chosen kernels', async () => {
    const one = await product('one');
    await run(one);
    await choose();
    await run(one);
    expect(strict.submits).toEqual([[nameOf(START)], [nameOf('block')]]);
    expectNothingRefused();
  });

  it.each(['before kernels are chosen', 'while they are compiled'])(
    'does not touch memory that was freed %s',
    async (when) => {
      const stale = await product('stale');
      const before = device.buffers.liveBytes;
      if (when.startsWith('before')) {
        giveMemoryAway();
        await choose();
      } else {
        const compiled = strict.holdCompiling();
        const chosen = choose();
        giveMemoryAway();
        compiled();
        await chosen;
      }
      expect(device.buffers.liveBytes - before).toBe(M * N * 4); // nothing was recorded
      await expect(run(stale)).rejects.toThrow(/^stale cannot run: its buffer gradients slot 0 has been destroyed/);
      expect(strict.submits).toEqual([]);
      expectNothingRefused();

      // Its owner records it again, with the kernels now chosen.
      stale.destroy();
      const anew = await product('anew');
      await run(anew);
      expect(strict.submits).toEqual([[nameOf('block')]]);
      expectNothingRefused();
    },
  );

  it('does not run at all together with a stale program', async () => {
    const stale = await product('stale');
    giveMemoryAway();
    const fresh = await product('fresh');
    const both = async (): Promise<void> => device.run([fresh.program, stale.program]);
    await expect(both()).rejects.toThrow('stale cannot run');
    await run(fresh);
    expect(strict.submits).toHaveLength(1);
    expectNothingRefused();
  });

  it('stays as it is when there is no room for parameters', async () => {
    const one = await product('one');
    const full = new GorpError('device/buffer-too-large', 'It is too large.', 'Do without.');
    const create = vi.spyOn(device.gpu.buffers, 'create').mockImplementation(() => {
      throw full;
    });
    await choose();
    expect(create).toHaveBeenCalled();
    await run(one);
    expect(strict.submits).toEqual([[nameOf(START)]]);
    expectNothingRefused();
  });

  it('reports our bug when it is run, instead of claiming the chosen kernels', async () => {
    const mistake = new Error('there is no memory for padded rows');
    let isMistaken = false;
    const program = await device.record('mistaken', () => {
      if (isMistaken) throw mistake;
      return [];
    });
    isMistaken = true;
    await choose();
    const running = async (): Promise<void> => device.run([program]);
    await expect(running()).rejects.toThrow(
      expect.objectContaining({ message: 'mistaken takes no other kernels', cause: mistake }),
    );
  });

  it('reports the loss of the device instead of the errors it caused', async () => {
    const lost = new GorpError('device/lost', 'It is lost.', 'Start again.');
    let isLost = false;
    const program = await device.record('on a lost device', () => {
      if (isLost) throw new Error('failed through it');
      return [];
    });
    isLost = true;
    await choose();
    vi.spyOn(device.gpu, 'check').mockImplementation(() => {
      throw lost;
    });
    await expect((async () => device.run([program]))()).rejects.toBe(lost);
  });
});

describe('the strict device of these tests', () => {
  it('refuses bind groups, submits and writes of destroyed buffers', async () => {
    const { gpu } = strict;
    const buffer = gpu.device.createBuffer({ label: 'gone', size: 16, usage: 0 });
    const pipeline = await gpu.pipelines.get({ name: 'any', wgsl: () => '' });
    const entries = [{ binding: 0, resource: { buffer } }];
    const layout = pipeline.getBindGroupLayout(0);
    const group = gpu.device.createBindGroup({ layout, entries });
    const submit = (): void => {
      const encoder = gpu.device.createCommandEncoder();
      encoder.beginComputePass().setBindGroup(0, group);
      gpu.device.queue.submit([encoder.finish()]);
    };
    submit();
    expectNothingRefused();
    buffer.destroy();
    gpu.device.createBindGroup({ layout, entries });
    submit();
    gpu.device.queue.writeBuffer(buffer, 0, new Float32Array(4));
    expect(strict.refused.map((text) => text.split(':')[0])).toEqual(['createBindGroup', 'submit', 'writeBuffer']);
    expect(() => device.check()).toThrow('Buffer with "gone" label has been destroyed');
  });
});
