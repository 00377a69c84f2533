import type { Gpu } from './device.ts';
import { chooseTile, type LargeTile, type MatmulShape, planMatmul } from './kernels/matmul.ts';
import { Program, submit } from './program.ts';
import { readBytes } from './readback.ts';

// A product of the size that fills a training step of the embedded model.
const PROBE: MatmulShape = {
  layout: 'nt',
  M: 1024,
  N: 128,
  K: 128,
  batch: 1,
  batchStrideA: 0,
  batchStrideB: 0,
  batchStrideC: 0,
  batchStrideD: 0,
  alpha: 1,
  addend: false,
  accumulate: false,
};
const ROUNDS = 3;
const REPEATS = 4;
// A large tile that takes longer than this to compile would cost more than it saves. Milliseconds.
const COMPILE_LIMIT = 4000;

/**
 * Times the register tiles on the device and remembers the quickest in `gpu.tuning`: the best tile of one adapter is a
 * bad one of another, and its name does not tell. Contenders take turns, and the best round of each counts. A device
 * that has been measured is left as it is.
 *
 * @param now a clock in milliseconds.
 */
export async function tuneGpu(gpu: Gpu, now: () => number): Promise<void> {
  if (gpu.tuning.isMeasured) return;
  const { M, N, K } = PROBE;
  const buffers = [M * K, N * K, M * N].map((floats, i) => gpu.buffers.storage(`tuning ${i}`, floats * 4));
  const tensors = buffers.map((buffer) => ({ buffer, offset: 0, bytes: buffer.bytes }));
  const programs: { tile: LargeTile; program: Program; best: number }[] = [];
  try {
    for (const tile of [8, 16] as const) {
      const { kernel, params, workgroups } = planMatmul(PROBE, { ...chooseTile(PROBE, tile), splits: 1 });
      const compiled = gpu.pipelines.get(kernel).then(() => true);
      const isQuick = await Promise.race([compiled, later(COMPILE_LIMIT)]);
      if (!isQuick) continue;
      const program = await Program.record(gpu, `tile ${tile}`, [{ kernel, params, tensors, workgroups }]);
      programs.push({ tile, program, best: Infinity });
    }
    for (let round = 0; round <= ROUNDS; round++) {
      for (const entry of programs) {
        const before = now();
        submit(gpu, ...new Array<Program>(REPEATS).fill(entry.program));
        await readBytes(gpu, { ...tensors[2], bytes: 16 });
        if (round > 0) entry.best = Math.min(entry.best, now() - before); // round 0 warms up
      }
    }
    // On a busy machine no tile may compile in time: the default stays.
    const [first, ...others] = programs;
    if (first !== undefined) gpu.tuning.largeTile = others.reduce((a, b) => (b.best < a.best ? b : a), first).tile;
    gpu.tuning.isMeasured = true;
  } finally {
    for (const { program } of programs) program.destroy();
    for (const buffer of buffers) buffer.destroy();
  }
}

const later = (milliseconds: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), milliseconds));
