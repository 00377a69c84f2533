import { wholeOf } from '../../../../src/device/buffers.ts';
import { plainProduct } from '../../../../src/device/matmul-shape.ts';
import { openCpu } from './cpu-device.ts';

/** A product C = A B on the CPU, with the interface of the harness: a [M, K], b [K, N]. */
export async function matmul(M: number, K: number, N: number, a: Float32Array, b: Float32Array) {
  const device = await openCpu();
  const buffers = [M * K, K * N, M * N].map((floats, i) => device.buffers.storage(`operand ${i}`, floats * 4));
  device.write(buffers[0], 0, Float32Array.from(a));
  device.write(buffers[1], 0, Float32Array.from(b));
  const [A, B, C] = buffers.map(wholeOf);
  const program = await device.record('product', () =>
    device.planner.product(plainProduct('nn', M, N, K), { a: A, b: B, c: C }),
  );
  return {
    name: 'gorp-web WebAssembly',
    run: async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await device.run([program]);
    },
    get: async (): Promise<Float32Array> => {
      await device.run([program]);
      return new Float32Array(await device.read(C), 0, M * N);
    },
  };
}
